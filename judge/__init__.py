"""omr-judge: which of two models reasons better, by how much, and can the judge be believed?"""

__all__ = ["__version__"]

__version__ = "0.1.0"
