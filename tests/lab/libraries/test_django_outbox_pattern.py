"""The lab's django-outbox-pattern. tests/lab/libraries/test_library_lab.py runs it."""

import pytest
from stomp.exception import StompException

from exporter.lab.libraries.django_outbox_pattern import Broker


def test_the_broker():
    """It takes a message or refuses it, as the body says, which is JSON."""
    broker = Broker()
    broker.connect("guest", "guest")
    assert broker.is_connected()
    broker.send("mail", "0.0")
    with pytest.raises(StompException):
        broker.send("mail", "4102444800.0")
    broker.disconnect()
