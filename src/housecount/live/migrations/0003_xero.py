"""A document is another when what is known of it in Xero is."""

from django.db import migrations

from housecount.live.triggers import Telling, follow

_OF_DOCUMENT = Telling("document", "changed.document_id")


class Migration(migrations.Migration):
    dependencies = [("live", "0002_feed"), ("xero", "0006_coming_back_walls")]

    operations = [
        follow("xero_intent", _OF_DOCUMENT),
        follow("xero_copy", _OF_DOCUMENT),
    ]
