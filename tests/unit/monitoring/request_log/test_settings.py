"""The settings of the request log."""

from pathlib import Path

import pytest

from monitoring.request_log.database import RequestLogDatabase
from monitoring.request_log.errors import RequestLogUsageError
from monitoring.request_log.settings import RequestLogSettings

SECRET = "hunter2-never-shown"  # noqa: S105 - made up


def settings(**environ: str) -> RequestLogSettings:
    return RequestLogSettings.from_env(
        {f"STORECAST_REQUEST_LOG_{name.upper()}": text for name, text in environ.items()}
    )


def test_without_settings_the_log_is_a_file_in_the_home(tmp_path: Path) -> None:
    url = settings().database_url(tmp_path)
    assert (url.drivername, url.database) == ("sqlite", str(tmp_path / "request-log.sqlite"))


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_any_spelling_of_postgresql_gets_the_driver_that_is_there(scheme: str, tmp_path: Path) -> None:
    url = settings(url=f"{scheme}://u:{SECRET}@db:5432/logs").database_url(tmp_path)
    assert (url.drivername, url.password) == ("postgresql+psycopg", SECRET)


def test_the_address_that_people_see_has_no_user_and_no_password(tmp_path: Path) -> None:
    url = settings(url=f"postgresql://u:{SECRET}@db:5432/logs?password={SECRET}").database_url(tmp_path)
    assert RequestLogDatabase(url).where == "postgresql://db:5432/logs"


@pytest.mark.parametrize("url", [f"mysql://u:{SECRET}@db/logs", f"{SECRET}", "sqlite://", "sqlite:///:memory:"])
def test_a_database_of_another_kind_is_refused_without_its_password(url: str, tmp_path: Path) -> None:
    with pytest.raises(RequestLogUsageError, match="wanted STORECAST_REQUEST_LOG_URL as postgresql://") as caught:
        settings(url=url).database_url(tmp_path)
    assert SECRET not in str(caught.value)


def test_every_wrong_setting_is_named_and_none_is_quoted() -> None:
    with pytest.raises(RequestLogUsageError) as caught:
        settings(queue_events="0", keep_days=SECRET, url=f"postgresql://u:{SECRET}@db/logs")
    assert "STORECAST_REQUEST_LOG_QUEUE_EVENTS" in str(caught.value)
    assert "STORECAST_REQUEST_LOG_KEEP_DAYS" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_the_url_is_not_in_what_the_settings_print() -> None:
    given = settings(url=f"postgresql://u:{SECRET}@db/logs")
    assert SECRET not in repr(given)
    assert SECRET not in given.model_dump_json()


def test_every_setting_has_a_unit_and_a_meaning() -> None:
    assert all(all((variable, unit, meaning)) for variable, _, unit, meaning in RequestLogSettings.table())
