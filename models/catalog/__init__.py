"""Where encoders come from: bundled ones, folders, timm, the hub, uploads."""

from models.catalog.catalog import Catalog, CatalogEntry
from models.encoder import EncoderInfo

__all__ = ["Catalog", "CatalogEntry", "EncoderInfo"]
