"""The diffusion models and secondary models of the catalog.

Flags of OpenAI's models are those of guided-diffusion's README, those of the fine-tuned ones Disco Diffusion 5.7's and
DiscoArt's; hashes are what those two list, or the hash under which the file is stored at its address.
"""

from __future__ import annotations

from typing import Any

from disco.models.catalog import embedded_networks
from disco.models.specs import BackboneSpec, SecondarySpec, UNetSpec, WeightsFile

#: guided-diffusion's channel_mult by image_size (script_util.create_model).
CHANNEL_MULT: dict[int, tuple[float, ...]] = {
    512: (0.5, 1, 1, 2, 2, 4, 4),
    256: (1, 1, 2, 2, 4, 4),
    128: (1, 1, 2, 3, 4),
    64: (1, 2, 3, 4),
}
OPENAI = "https://openaipublic.blob.core.windows.net/diffusion/jul-2021/"
DISCOART = "https://clip-as-service.s3.us-east-2.amazonaws.com/discoart/"
#: The sizes that Disco Diffusion 5.7 gives its models by their image_size, and the size they were trained on.
SIZES = {512: ((1280, 768), (512, 512)), 256: ((512, 448), (256, 256)), 128: ((128, 128),), 64: ((64, 64),)}

#: What Disco Diffusion 5.7 takes with its models of 256 pixels, with KaliYuga's of pixel art and of pulp science
#: fiction, and with hers of watercolours.
BRINGS_256: tuple[tuple[str, int | str], ...] = (("width", 512), ("height", 448))
BRINGS_PIXELART = (
    *BRINGS_256,
    ("cut_overview", "[15]*200+[12]*200+[6]*100+[4]*100+[2]*200+[0]*200"),
    ("cut_innercut", "[1]*200+[4]*200+[8]*200+[10]*400"),
    ("cut_ic_pow", "[12]*500+[10]*500"),
    (
        "cut_icgray_p",
        "[0.87]*100+[0.78]*50+[0.73]*50+[0.64]*60+[0.56]*40+[0.5]*50+[0.33]*100+[0.19]*150+[0]*400",
    ),
)
BRINGS_WATERCOLOR = (
    *BRINGS_256,
    ("cut_overview", "[14]*200+[12]*200+[4]*400+[0]*200"),
    ("cut_innercut", "[2]*200+[4]*200+[12]*600"),
    ("cut_ic_pow", "[12]*500+[10]*500"),
    ("cut_icgray_p", "[0.7]*100+[0.6]*100+[0.45]*100+[0.3]*100+[0]*600"),
)


def _guided(name: str, image_size: int, weights: WeightsFile, resolutions: tuple[int, ...], **flags: Any) -> UNetSpec:
    """A UNet by guided-diffusion's flags; `resolutions` are its attention_resolutions."""
    # Disco rounds every size down to multiples of 64; its smaller relatives need no more than their halvings.
    multiple = 64 if image_size >= 256 else 2 ** (len(CHANNEL_MULT[image_size]) - 1)
    common: dict[str, Any] = dict(predicts="eps", learn_sigma=True, noise_schedule="linear", num_res_blocks=2)
    return UNetSpec(
        name=name,
        weights=weights,
        image_size=image_size,
        multiple=multiple,
        channel_mult=CHANNEL_MULT[image_size],
        attention_downsampling=tuple(image_size // side for side in resolutions),
        sizes=SIZES[image_size],
        **(common | flags),
    )


def _openai(name: str, image_size: int, weights: WeightsFile, **flags: Any) -> UNetSpec:
    """One of the large models of "Diffusion Models Beat GANs on Image Synthesis", or a fine-tuned one."""
    common: dict[str, Any] = dict(num_channels=256, resblock_updown=True, use_scale_shift_norm=True)
    if "num_heads" not in flags:
        common["num_head_channels"] = 64
    return _guided(name, image_size, weights, (32, 16, 8), **(common | flags))


def _openai_file(name: str, sha256: str, size: int | None, *others: str) -> WeightsFile:
    return WeightsFile(
        name, sha256, size, "MIT", (f"{OPENAI}{name}", f"hf://danaroth/guided_diffusion/{name}", *others)
    )


def _small(name: str, image_size: int, weights: WeightsFile, **flags: Any) -> UNetSpec:
    """A network half as wide as OpenAI's, with four heads: what people trained on their own pictures."""
    return _openai(name, image_size, weights, num_channels=128, num_heads=4, **flags)


def _kaliyuga(
    name: str, repository: str, file: str, sha256: str, size: int | None, licence: str, about: str
) -> UNetSpec:
    """KaliYuga's: small networks with attention at one resolution, in one head."""
    addresses = (f"hf://KaliYuga/{repository}/{file}", f"{DISCOART}{file}")
    watercolor = name.startswith("watercolor")
    return _plain_256(
        name,
        WeightsFile(file, sha256, size, licence, addresses),
        about=about,
        brings=BRINGS_WATERCOLOR if watercolor else BRINGS_PIXELART,
        preset="watercolor" if watercolor else "pixelart",
    )


def _plain_256(name: str, weights: WeightsFile, **flags: Any) -> UNetSpec:
    """Disco's settings for every model that it does not know better."""
    common: dict[str, Any] = dict(num_channels=128, num_heads=1, resblock_updown=False, use_scale_shift_norm=False)
    return _guided(name, 256, weights, (16,), **(common | flags))


UNETS: tuple[UNetSpec, ...] = (
    *embedded_networks.shipping(embedded_networks.UNETS),
    _openai(
        "512x512_diffusion_uncond_finetune_008100",
        512,
        WeightsFile(
            "512x512_diffusion_uncond_finetune_008100.pt",
            "9c111ab89e214862b76e1fa6a1b3f1d329b1a88281885943d2cdbe357ad57648",
            2232025447,
            "MIT",
            (
                "hf://lowlevelware/512x512_diffusion_unconditional_ImageNet/512x512_diffusion_uncond_finetune_008100.pt",
                f"{DISCOART}512x512_diffusion_uncond_finetune_008100.pt",
                "https://the-eye.eu/public/AI/models/512x512_diffusion_unconditional_ImageNet/"
                "512x512_diffusion_uncond_finetune_008100.pt",
            ),
        ),
        about="anything: ImageNet, without classes",
    ),
    _openai(
        "256x256_diffusion_uncond",
        256,
        _openai_file(
            "256x256_diffusion_uncond.pt",
            "a37c32fffd316cd494cf3f35b339936debdc1576dad13fe57c42399a5dbc78b1",
            2211383297,
            f"{DISCOART}256x256_diffusion_uncond.pt",
        ),
        about="anything: ImageNet, without classes",
        brings=BRINGS_256,
    ),
    _small(
        "portrait_generator_v001",
        512,
        WeightsFile(
            "portrait_generator_v001_ema_0.9999_1MM.pt",
            "b7e8c747af880d4480b6707006f1ace000b058dd0eac5bb13558ba3752d9b5b9",
            addresses=(
                "hf://felipe3dartist/portrait_generator_v001/portrait_generator_v001_ema_0.9999_1MM.pt",
                f"{DISCOART}portrait_generator_v001_ema_0.9999_1MM.pt",
            ),
        ),
        about="portraits",
    ),
    _kaliyuga(
        "pixelartdiffusion_expanded",
        "PADexpanded",
        "PADexpanded.pt",
        "a73b40556634034bf43b5a716b531b46fb1ab890634d854f5bcbbef56838739a",
        None,
        "CC-BY-4.0",
        "pixel art",
    ),
    _kaliyuga(
        "pixel_art_diffusion_hard_256",
        "pixel_art_diffusion_hard_256",
        "pixel_art_diffusion_hard_256.pt",
        "be4a9de943ec06eef32c65a1008c60ad017723a4d35dc13169c66bb322234161",
        454885741,
        "CC",
        "pixel art, hard edges",
    ),
    _kaliyuga(
        "pixel_art_diffusion_soft_256",
        "pixel_art_diffusion_soft_256",
        "pixel_art_diffusion_soft_256.pt",
        "d321590e46b679bf6def1f1914b47c89e762c76f19ab3e3392c8ca07c791039c",
        454885741,
        "CC",
        "pixel art, soft edges",
    ),
    _kaliyuga(
        "pixelartdiffusion4k",
        "pixelartdiffusion4k",
        "pixelartdiffusion4k.pt",
        "a1ba4f13f6dabb72b1064f15d8ae504d98d6192ad343572cc416deda7cccac30",
        454885741,
        "CC-BY-3.0",
        "pixel art, from 4,100 pictures",
    ),
    _kaliyuga(
        "watercolordiffusion_2",
        "watercolordiffusion_2",
        "watercolordiffusion_2.pt",
        "49c281b6092c61c49b0f1f8da93af9b94be7e0c20c71e662e2aa26fee0e4b1a9",
        None,
        "CC-BY-4.0",
        "watercolours",
    ),
    _kaliyuga(
        "watercolordiffusion",
        "watercolordiffusion",
        "watercolordiffusion.pt",
        "a3e6522f0c8f278f90788298d66383b11ac763dd5e0d62f8252c962c23950bd6",
        None,
        "CC-BY-4.0",
        "watercolours",
    ),
    _kaliyuga(
        "PulpSciFiDiffusion",
        "PulpSciFiDiffusion",
        "PulpSciFiDiffusion.pt",
        "b79e62613b9f50b8a3173e5f61f0320c7dbb16efad42a92ec94d014f6e17337f",
        454885741,
        "CC-BY-4.0",
        "covers of pulp science fiction",
    ),
    _small(
        "portrait_generator_v1.5",
        512,
        WeightsFile(
            "portrait_generator_v1.5.pt",
            "3bc39e28fd9690dafbbee83cc08d089a3640eca8ed4d14280c4a9d342c56fd7f",
            558448487,
            "CC-BY-NC-4.0",
            (
                "hf://WAS/portrait-diffusion/ema_0.9999_165000.pt",
                "hf://felipe3dartist/portrait_generator_v1.5/ema_0.9999_165000.pt",
            ),
        ),
        about="portraits",
    ),
    _openai(
        "FeiArt_Handpainted_CG_Diffusion",
        512,
        WeightsFile(
            "FeiArt-Handpainted-CG-Diffusion.pt",
            "85f95f0618f288476ffcec9f48160542ba626f655b3df963543388dcd059f86a",
            2236121575,
            "CC",
            ("hf://Feiart/FeiArt-Handpainted-CG-Diffusion/FeiArt-Handpainted-CG-Diffusion.pt",),
        ),
        unused=("label_emb.weight",),  # its author loads it with strict=False
        about="painted landscapes and scenes",
    ),
    _small(
        "Ukiyo-e_Diffusion_All_V1.by_thegenerativegeneration",
        256,
        WeightsFile(
            "Ukiyo-e_Diffusion_All_V1.by_thegenerativegeneration.pt",
            "5f9af55461783619f25dcbf8953f028c0768108801860afe8c947428dee7a991",
            addresses=("hf://thegenerativegeneration/ukiyoe-diffusion-256/models/ukiyoe-all/v1/ema_0.9999_056000.pt",),
        ),
        about="Japanese woodblock prints",
    ),
    _openai(
        "IsometricDiffusionRevrart512px",
        512,
        WeightsFile(
            "IsometricDiffusionRevrart512px.pt",
            "649bb7d10ea5170b71bc24adfb17f0305955fde38d2bb1bc5428c6d5baf9811c",
            addresses=("hf://Revrart/IsometricDiffusionRevrart512px/IsometricDiffusionRevrart512px.pt",),
        ),
        about="isometric scenes",
    ),
    _openai(
        "64x64_diffusion",
        64,
        _openai_file(
            "64x64_diffusion.pt", "a18558f9a2499615a3ff9759ad12299690ad36ee3378c395adbb94855e2b634f", 1183736577
        ),
        noise_schedule="cosine",
        num_channels=192,
        num_res_blocks=3,
        use_new_attention_order=True,
        num_classes=1000,
        about="ImageNet by its classes",
    ),
    _openai(
        "128x128_diffusion",
        128,
        _openai_file("128x128_diffusion.pt", "afaa73c380a2d05d2060949d48ac8721c065e2b4b1c6a316a802c7ef53fadcc9", None),
        num_heads=4,
        num_classes=1000,
        about="ImageNet by its classes",
    ),
    _openai(
        "256x256_diffusion",
        256,
        _openai_file("256x256_diffusion.pt", "37ea85387f44a6485697fbf31ccfea46acb5dddabcf869fddc007270a7e2e87e", None),
        num_classes=1000,
        about="ImageNet by its classes",
    ),
    _openai(
        "512x512_diffusion",
        512,
        _openai_file(
            "512x512_diffusion.pt",
            "ea4462ba9962b984a516bc7af5fc93a8fc19deaf37da48bb142eea467897557d",
            None,
            "hf://omriav/blended-diffusion/checkpoints/512x512_diffusion.pt",
        ),
        num_classes=1000,
        about="ImageNet by its classes",
    ),
)

SECONDARIES: tuple[SecondarySpec, ...] = (
    *embedded_networks.shipping(embedded_networks.SECONDARIES),
    SecondarySpec(
        name="secondary_model_imagenet_2",
        weights=WeightsFile(
            "secondary_model_imagenet_2.pth",
            "983e3de6f95c88c81b2ca7ebb2c217933be1973b1ff058776b970f901584613a",
            55380626,
            "MIT",
            (
                "https://huggingface.co/spaces/huggi/secondary_model_imagenet_2.pth/resolve/main/"
                "secondary_model_imagenet_2.pth",
                f"{DISCOART}secondary_model_imagenet_2.pth",
                "https://the-eye.eu/public/AI/models/v-diffusion/secondary_model_imagenet_2.pth",
            ),
        ),
        architecture="imagenet_2",
        channels=(64, 128, 128, 256, 256, 512),
        multiple=32,
    ),
)

BACKBONES: tuple[BackboneSpec, ...] = (
    BackboneSpec(
        "vgg16",
        WeightsFile(
            "vgg16-397923af.pth",
            "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
            553433881,
            "BSD-3-Clause",
            ("https://download.pytorch.org/models/vgg16-397923af.pth",),
        ),
    ),
)
