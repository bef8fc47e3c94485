"""Seldon's own exception, with the meta of the refused request; to be imported after the protobuf bridge."""

from typing import Any

from seldon_core.flask_utils import SeldonMicroserviceException


class SeldonRefusal(SeldonMicroserviceException):  # type: ignore[misc] # untyped
    """What Seldon's wrapper answers with; its `payload` is the meta that goes back to the client, or None."""

    def to_dict(self) -> dict[str, Any]:
        """The answer's body."""
        body: dict[str, Any] = super().to_dict()
        return body | ({"meta": self.payload} if self.payload else {})
