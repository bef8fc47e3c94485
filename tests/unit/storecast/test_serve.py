"""How a graph is run on this machine: what of its environment reaches the components."""

from pathlib import Path

import pytest

from graph import GraphOptions, render, to_yaml
from graph.errors import UsageError
from graph.local.free_ports import free_ports
from graph.local.plan import plan_graph
from storecast.commands.serve import deployment_of, first_store, local_options


def env_of(name: str, environ: dict[str, str], fleet_uri: str | None = None) -> dict[str, str]:
    options = local_options(Path("/home"), environ, port=0, fleet_uri=fleet_uri)
    components = plan_graph(render(GraphOptions(challenger_share=10)), options).components
    return dict(next(each for each in components if each.name == name).env)


def env_of_a_forecaster(environ: dict[str, str], fleet_uri: str | None = None) -> dict[str, str]:
    return env_of("forecaster", environ, fleet_uri)


def test_settings_and_the_registrys_credentials_reach_the_components() -> None:
    given = {"STORECAST_MAX_ITEMS": "9", "MLFLOW_TRACKING_USERNAME": "u", "AWS_ACCESS_KEY_ID": "a"}
    env = env_of_a_forecaster({**given, "OTHER": "x"})
    assert {name: env[name] for name in given} == given
    assert "OTHER" not in env


def test_how_the_graph_is_wired_is_not_a_setting_of_this_machine() -> None:
    wired = {"STORECAST_SHARDS": "3", "STORECAST_BEHIND_ROUTER": "false", "STORECAST_CHALLENGER_SHARE": "99"}
    env = env_of_a_forecaster(wired)
    assert env["STORECAST_CHALLENGER_SHARE"] == "10"
    assert env["STORECAST_BEHIND_ROUTER"] == "true"
    assert "STORECAST_SHARDS" not in env


def test_components_listen_on_this_machine_only() -> None:
    assert env_of_a_forecaster({"STORECAST_BIND_HOST": "0.0.0.0"})["STORECAST_BIND_HOST"] == "127.0.0.1"  # noqa: S104 - refused


def test_the_fleet_and_the_cache_are_those_of_the_option_then_of_the_environment() -> None:
    given = {"STORECAST_FLEET_URI": "/fleet", "STORECAST_CACHE_DIR": "/cache"}
    assert env_of_a_forecaster({})["STORECAST_FLEET_URI"] == "models:/storecast-fleet@champion"
    assert env_of_a_forecaster({})["STORECAST_CACHE_DIR"] == "/home/cache"
    assert env_of_a_forecaster(given)["STORECAST_FLEET_URI"] == "/fleet"
    assert env_of_a_forecaster(given)["STORECAST_CACHE_DIR"] == "/cache"
    assert env_of_a_forecaster(given, "models:/x/3")["STORECAST_FLEET_URI"] == "models:/x/3"


def test_another_fleet_for_the_champion_leaves_the_challenger_its_own() -> None:
    name, alias = "STORECAST_CHALLENGER_URI", "models:/storecast-fleet@challenger"
    assert env_of("challenger", {"STORECAST_FLEET_URI": "/fleet"}, "models:/x/3")[name] == alias
    assert env_of("challenger", {name: "/other"})[name] == "/other"


def test_a_graph_of_others_has_no_store_to_advise() -> None:
    assert first_store([]) is None
    assert first_store([f"http://127.0.0.1:{free_ports(1)[0]}"]) is None


def test_a_file_with_two_deployments_is_refused(tmp_path: Path) -> None:
    one = to_yaml(render(GraphOptions()))
    (tmp_path / "two.yaml").write_text(f"{one}---\n{one}")
    with pytest.raises(UsageError, match=r"wanted one SeldonDeployment in .*, got 2"):
        deployment_of(tmp_path / "two.yaml")
