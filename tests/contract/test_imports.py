"""What a fresh interpreter loads: the help, the contract and the rules stay cheap."""

import re
import subprocess
import sys

from support.processes import ROOT

from storecast.verbs import VERBS


def printed(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def test_the_help_lists_every_verb_and_imports_none() -> None:
    code = "import sys; from storecast.__main__ import parser; parser([]).print_help(); print('modules', *sys.modules)"
    listed, _, imported = printed(code).rpartition("modules")
    assert all(re.search(rf"^    {name}\b", listed, re.MULTILINE) for name in VERBS)
    modules = {f"storecast.commands.{verb.add.partition(':')[0]}" for verb in VERBS.values()}
    assert not (modules | {"mlflow", "pandas", "matplotlib"}) & set(imported.split())


def test_reading_and_rendering_import_no_http_library() -> None:
    code = "import sys, graph; graph.render(graph.GraphOptions()); print('aiohttp' in sys.modules)"

    assert printed(code).strip() == "False"


def test_the_contract_is_imported_without_the_serving_classes() -> None:
    code = (
        "import sys, model_wrapper.contract; print([m for m in ('flask', 'mlflow', 'seldon_core') if m in sys.modules])"
    )

    assert printed(code).strip() == "[]"


def test_the_rules_of_cells_are_cheap_to_import() -> None:
    seen = "import sys; before = set(sys.modules); import fleet.cells; print(*(set(sys.modules) - before))"

    assert not {"pandas", "pyarrow", "mlflow"} & set(printed(seen).split())


def test_kept_machine_code_is_recognised_without_loading_the_compiler() -> None:
    code = "from training.engines.machine_code import is_kept; is_kept({}); import sys; print('numba' in sys.modules)"

    assert printed(code).strip() == "False"
