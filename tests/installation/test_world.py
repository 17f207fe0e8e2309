import socket
import pytest
def test_outside(database):
    from django.db import connection
    from housecount.tenancy.identity import unscoped
    with unscoped(), connection.cursor() as c:
        c.execute("select current_user, current_database()")
        print(c.fetchone())
    with pytest.raises(AssertionError):
        socket.create_connection(("192.0.2.1", 80))
