"""Documents in both directions: parties, lines, tax, numbers, payments, PDF, mail. What is issued is frozen."""
