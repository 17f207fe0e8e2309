"""The pages as a WSGI application, for any server of that kind."""

from django.core.wsgi import get_wsgi_application

from housecount.installation import database
from housecount.installation.setup import use_settings

use_settings()
database.ready()
application = get_wsgi_application()
