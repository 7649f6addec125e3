"""REST: what `/api/v1` takes and gives, and the whole HTTP application made of it."""

from csms.api.application import build
from csms.api.resources import Resources

__all__ = ["Resources", "build"]
