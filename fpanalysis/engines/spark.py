"""To come."""
def run(*a, **k):
    raise NotImplementedError
__all__ = ["run"]
