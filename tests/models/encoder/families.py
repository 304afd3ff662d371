"""The architecture families the contract is tried on: the smallest variant of each, made smaller where that is possible.

python -m tests.models.encoder.families        prints the table behind assets/docs/encoders.md
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Family:
    """One architecture with the arguments that shrink it."""

    title: str
    architecture: str
    model_args: dict = field(default_factory=dict)
    refused_depths: tuple[int, ...] = ()  # bypassed: maps yes, attribution no

    def __str__(self) -> str:
        return self.title


SMALL_IMAGE = {"img_size": 64}
SMALL_VIT = {"embed_dim": 48, "depth": 4, "num_heads": 3}

FAMILIES = (
    Family("ResNet", "resnet10t"),
    Family("ResNet v2", "resnetv2_18"),
    Family("ResNeXt", "resnext26ts"),
    Family("VGG", "vgg11_bn", {"mlp_ratio": 0.01}),
    Family("DenseNet", "densenet121"),
    Family("Inception v3", "inception_v3"),
    Family("ConvNeXt", "convnext_atto"),
    Family("EfficientNet", "efficientnet_b0"),
    Family("MobileNet v2", "mobilenetv2_035"),
    Family("MobileNet v3", "mobilenetv3_small_050"),
    Family("MobileNet v4", "mobilenetv4_conv_small_035"),
    Family("RegNet", "regnetx_002"),
    Family("HRNet", "hrnet_w18_small", refused_depths=(1, 2, 3, 4)),
    Family("DLA", "dla46_c"),
    Family("MobileViT", "mobilevit_xxs"),
    Family("MaxViT", "maxvit_rmlp_pico_rw_256", SMALL_IMAGE),
    Family("CoAtNet", "coatnet_pico_rw_224", SMALL_IMAGE),
    Family("EfficientFormer", "efficientformer_l1"),
    Family("EfficientFormer v2", "efficientformerv2_s0", SMALL_IMAGE),
    Family("LeViT", "levit_128s", SMALL_IMAGE),
    Family("PoolFormer", "poolformer_s12"),
    Family("FastViT", "fastvit_t8"),
    Family("EdgeNeXt", "edgenext_xx_small"),
    Family("TinyViT", "tiny_vit_5m_224"),
    Family("ViT", "vit_tiny_patch16_224", SMALL_VIT),
    Family("DeiT", "deit_tiny_patch16_224", SMALL_VIT),
    Family("DeiT distilled", "deit_tiny_distilled_patch16_224", SMALL_VIT),
    Family("DeiT III", "deit3_small_patch16_224", SMALL_VIT),
    Family("DINOv2 with registers", "vit_small_patch14_reg4_dinov2", {**SMALL_VIT, "img_size": 224}),
    Family("DINOv3", "vit_tiny_patch16_dinov3_qkvb", SMALL_VIT),
    Family("CLIP ViT", "vit_base_patch32_clip_224", SMALL_VIT),
    Family("SigLIP ViT", "vit_base_patch16_siglip_224", SMALL_VIT),
    Family("EVA-02", "eva02_tiny_patch14_224", SMALL_VIT),
    Family("BEiT", "beit_base_patch16_224", {**SMALL_VIT, **SMALL_IMAGE}),
    Family("CaiT", "cait_xxs24_224", {"depth": 4, **SMALL_IMAGE}),
    Family("XCiT", "xcit_nano_12_p16_224", {"depth": 4}),
    Family("Swin", "swin_tiny_patch4_window7_224", {"embed_dim": 24, "depths": [2, 2, 2, 2]}),
    Family("Swin v2", "swinv2_tiny_window8_256", {"embed_dim": 24, "depths": [2, 2, 2, 2]}),
    Family("PVT v2", "pvt_v2_b0"),
    Family("PiT", "pit_ti_224", SMALL_IMAGE, refused_depths=(0, 1, 2)),
    Family("Twins", "twins_pcpvt_small", {"depths": [1, 1, 1, 1]}),
    Family("Hiera", "hiera_tiny_224", {"embed_dim": 24, "stages": [1, 1, 2, 1]}, refused_depths=(0, 1, 2)),
    Family("GCViT", "gcvit_xxtiny", SMALL_IMAGE),
    Family("CrossViT", "crossvit_9_240", refused_depths=(0, 1, 2, 3, 4, 5)),
    Family("CoaT", "coat_lite_tiny", SMALL_IMAGE),
    Family("TNT", "tnt_s_patch16_224", {"depth": 3, **SMALL_IMAGE}, refused_depths=(0, 1)),
    Family("MLP-Mixer", "mixer_s32_224", SMALL_IMAGE),
    Family("Sequencer", "sequencer2d_s", {"layers": [1, 1, 1, 1]}),
)


def main() -> None:
    """Prints, as a Markdown table, what each family offers."""
    from models.encoder.encoder import Encoder

    print("| family | tried on | input sides | prefix tokens | depths | attribution from |")
    print("|---|---|---|---|---|---|")
    for family in FAMILIES:
        encoder = Encoder.from_timm(family.architecture, **family.model_args)
        info, sizes = encoder.info, encoder.sizes
        sides = f"only {sizes.own[0]}" if sizes.fixed else f"multiples of {sizes.multiple}"
        refused = family.refused_depths
        kept = [str(depth.idx) for depth in info.depths if depth.idx not in refused]
        usable = "every depth" if not refused else f"depth {', '.join(kept)}" if kept else "none (maps only)"
        print(f"| {family} | `{family.architecture}` | {sides} | {info.n_prefix_tokens} | {len(info.depths)} | {usable} |")


if __name__ == "__main__":
    main()
