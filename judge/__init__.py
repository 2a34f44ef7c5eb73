"""omr-judge: which of two models reasons better, by how much, and can the judge be believed?"""

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("omr-judge")
