"""ImageBind (Girdhar et al. 2023, arXiv 2305.05665): pictures, texts and sounds in one space.

Written anew from the published names, shapes and constants, so that the published weights load. Imported only
where OLHAR_ENCODER names such a model: it needs torch.
"""

from rag.encoders.imagebind.encoder import ImageBindEncoder

__all__ = ["ImageBindEncoder"]
