"""Seldon's messages under the protobuf library that the others need."""

import subprocess
import sys


def test_the_bridge_makes_seldons_messages_work_and_changes_no_file() -> None:
    code = (
        "from model_wrapper.seldon import protobuf_bridge; protobuf_bridge.install(); protobuf_bridge.install(); "
        "from seldon_core.proto import prediction_pb2 as p; from google.protobuf.json_format import MessageToDict; "
        "m = p.SeldonMessage.FromString(p.SeldonMessage(strData='x', meta=p.Meta(puid='1')).SerializeToString()); "
        "print(MessageToDict(m), p.SeldonMessage.__module__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "{'meta': {'puid': '1'}, 'strData': 'x'} seldon_core.proto.prediction_pb2"
