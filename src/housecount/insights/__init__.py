"""What the sales say: by day, room, weekday and hour, and how a show does beside others like it."""
