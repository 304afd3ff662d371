"""The short list that the picker offers besides the bundled encoders: well-known ones, by how they were trained.

Everything that timm knows (architecture, licence, input size, classifier) is read from timm; the number of parameters
is written here, because counting means building, and a test counts.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class CuratedEncoder:
    """A timm name that is worth offering, and what timm does not say about it."""

    name: str
    title: str
    training: str  # "Supervised", "Self-supervised" or "Image and text"
    n_parameters: int
    note: str


CURATED = (
    CuratedEncoder("resnet50.a1_in1k", "ResNet-50", "Supervised", 25_557_032, "The classic CNN, ImageNet-1k."),
    CuratedEncoder("convnext_tiny.fb_in1k", "ConvNeXt-T", "Supervised", 28_589_128, "A modern CNN, ImageNet-1k."),
    CuratedEncoder("efficientnet_b0.ra_in1k", "EfficientNet-B0", "Supervised", 5_288_548, "Small CNN, ImageNet-1k."),
    CuratedEncoder("mobilenetv3_large_100.ra_in1k", "MobileNetV3-L", "Supervised", 5_483_032, "Made for phones, ImageNet-1k."),
    CuratedEncoder(
        "swin_tiny_patch4_window7_224.ms_in1k", "Swin-T", "Supervised", 28_288_354, "Transformer with windows, ImageNet-1k."
    ),
    CuratedEncoder("deit_small_patch16_224.fb_in1k", "DeiT-S", "Supervised", 22_050_664, "Plain transformer, ImageNet-1k."),
    CuratedEncoder("vit_base_patch16_224.augreg2_in21k_ft_in1k", "ViT-B/16", "Supervised", 86_567_656, "ImageNet-21k, then 1k."),
    CuratedEncoder(
        "vit_small_patch16_224.dino", "DINO ViT-S/16", "Self-supervised", 21_665_664, "Known for maps that follow objects."
    ),
    CuratedEncoder(
        "vit_small_patch14_reg4_dinov2.lvd142m",
        "DINOv2 ViT-S/14 with registers",
        "Self-supervised",
        22_057_344,
        "Clean maps: registers take up what would be artefacts.",
    ),
    CuratedEncoder(
        "vit_small_patch16_dinov3.lvd1689m", "DINOv3 ViT-S/16", "Self-supervised", 21_586_944, "Sharp maps at large inputs."
    ),
    CuratedEncoder(
        "vit_base_patch16_224.mae", "MAE ViT-B/16", "Self-supervised", 85_798_656, "Learnt to fill in hidden patches."
    ),
    CuratedEncoder(
        "vit_base_patch16_clip_224.openai", "CLIP ViT-B/16", "Image and text", 86_193_152, "Learnt from images and captions."
    ),
    CuratedEncoder(
        "vit_base_patch16_siglip_224.webli", "SigLIP ViT-B/16", "Image and text", 92_884_224, "CLIP's successor from Google."
    ),
)
