"""The keys follow from the settings: their names in the file, their variables, and the keys that may hold a secret."""

from exporter.config.keys import CONFIG_VARIABLE, KEYS, SECTIONS, secrets, variable
from exporter.config.settings import AlertingSettings, ApplicationSettings, Config, DatabaseSettings
from exporter.core.types import Secret, Url


def test_a_secret_may_be_in_a_file_or_printed_by_a_command():
    """Other keys have one name."""
    assert KEYS["database.password"].names == ("password", "password_file", "password_command")
    assert KEYS["application.bearer_token"].names == ("bearer_token", "bearer_token_file", "bearer_token_command")
    assert KEYS["database.dsn"].is_secret
    assert not KEYS["web.listen"].is_secret
    assert KEYS["web.listen"].names == ("listen",)


def test_variable_of_a_key():
    """Section and key in capitals, after the prefix."""
    assert variable("sampling", "interval") == "OUTBOX_EXPORTER_SAMPLING_INTERVAL"
    assert CONFIG_VARIABLE == "OUTBOX_EXPORTER_CONFIG"


def test_sections():
    """The application alone may be missing; a key is listed once."""
    assert [(section.name, section.optional) for section in SECTIONS] == [
        ("database", False),
        ("outbox", False),
        ("application", True),
        ("sampling", False),
        ("web", False),
        ("watch", False),
        ("alerting", False),
        ("log", False),
    ]
    assert sum(len(section.keys) for section in SECTIONS) == len(KEYS)


def test_all_secrets_of_a_configuration_are_found():
    """So that the log can hide them."""
    config = Config(
        database=DatabaseSettings(dsn=Secret("dsn")),
        application=ApplicationSettings(url=Url("http://x"), bearer_token=Secret("token")),
        alerting=AlertingSettings(pagerduty_routing_key=Secret("key"), webhook_bearer_token=Secret("hook")),
    )
    assert [secret.reveal() for secret in secrets(config)] == ["dsn", "token", "key", "hook"]
