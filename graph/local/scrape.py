"""A Prometheus configuration that scrapes a graph on this machine, as a cluster's would scrape its pods."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import yaml

SCRAPE_INTERVAL_S = 15


def scrape_config(job: str, urls: Mapping[str, str]) -> str:
    """The configuration as YAML: one job, and a target for each page, with its name as the label `container`.

    Args: job: name of the job.  urls: where the metrics are, by name.
    """
    targets = []
    for name, url in urls.items():
        parts = urlsplit(url)
        targets.append({"targets": [parts.netloc], "labels": {"container": name, "__metrics_path__": parts.path}})
    document = {
        "global": {"scrape_interval": f"{SCRAPE_INTERVAL_S}s"},
        "scrape_configs": [{"job_name": job, "static_configs": targets}],
    }
    return yaml.safe_dump(document, sort_keys=False)
