"""The rungs in their order, and the story of each: why it was tried, what it does, where it fails, and who said so first."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Paper:
    """A source: what to call it, and where it is."""

    name: str
    url: str


@dataclass(frozen=True)
class Rung:
    """One step of the ladder.

    Attributes:
        name: of the bundled model.
        title: in a few words.
        why: what was wrong with the rung before, so that this one was tried.
        what: how it works.
        fails: what its construction cannot do, whatever it is trained on.
        papers: where that comes from.
        learned: whether it has weights that training sets.
    """

    name: str
    title: str
    why: str
    what: str
    fails: str
    papers: tuple[Paper, ...] = ()
    learned: bool = True


_HOUGH = Paper("Duda and Hart 1972", "https://doi.org/10.1145/361237.361242")
_ALY = Paper("Aly 2008", "https://arxiv.org/abs/1411.7113")
_CIRESAN = Paper("Cireşan et al. 2012", "https://proceedings.neurips.cc/paper/2012/hash/459a4ddcb586f24efd9395aa7662bc7c-Abstract.html")
_GIUSTI = Paper("Giusti et al. 2013", "https://arxiv.org/abs/1302.1700")
_MASCI = Paper("Masci et al. 2013", "https://arxiv.org/abs/1302.1690")
_DILATED = Paper("Yu and Koltun 2015", "https://arxiv.org/abs/1511.07122")
_FCN = Paper("Long, Shelhamer and Darrell 2014", "https://arxiv.org/abs/1411.4038")
_EFFECTIVE = Paper("Luo et al. 2017", "https://arxiv.org/abs/1701.04128")
_UNET = Paper("Ronneberger, Fischer and Brox 2015", "https://arxiv.org/abs/1505.04597")
_VNET = Paper("Milletari, Navab and Ahmadi 2016", "https://arxiv.org/abs/1606.04797")
_DEEPLAB = Paper("Chen et al. 2017", "https://arxiv.org/abs/1706.05587")
_DEEPLAB_PLUS = Paper("Chen et al. 2018", "https://arxiv.org/abs/1802.02611")
_TWIN = Paper("TwinLiteNet+, table of BDD100K lanes", "https://github.com/lmhoang06/TwinLiteNetPlus")
_MASK_RCNN = Paper("He et al. 2017", "https://arxiv.org/abs/1703.06870")
_LITE = Paper("Tan and Le 2019", "https://arxiv.org/abs/1905.11946")

RUNGS = (
    Rung(
        "classical",
        "Thresholds and lines",
        "Before anything was learnt, people wrote down what they know of paint: it is brighter than asphalt, its edges are sharp, it is "
        "long and narrow, and it lies on the road.",
        "Each of these is a step: a threshold on colour and gradient, a region of interest, a clean-up by morphology, and a search for "
        "straight lines (Hough's transform, in its form of 1972). It needs no data, explains itself, and was real-time on the computers "
        "of 2008.",
        "Every number in it is right for one light, one camera and one kind of road. Sunlit kerbs, guard rails, wet patches and the "
        "edges of shadows are bright, long and narrow too, and no threshold tells them from paint.",
        (_HOUGH, _ALY),
        learned=False,
    ),
    Rung(
        "patch",
        "A patch for every pixel",
        "A network that classifies pictures was at hand by 2012. The simplest way to a mask is to ask it, for every pixel, whether the "
        "middle of the patch around it is paint.",
        "Cut a small patch around every pixel, classify each, and put the answers together: a heatmap, which a threshold turns into a "
        "mask. This won a contest in electron microscopy in 2012. Neighbouring patches share nearly all of their pixels, and all of it "
        "is calculated anew for each. Calculating the whole picture at once, layer by layer, gives the same result: orders of magnitude "
        "faster, wrote Giusti and others in 2013, and Masci and others trained 1,500 times faster so. The bundled model is that dense "
        "twin, made with dilated convolutions; its heatmap equals that of the patches to 1e-4.",
        "It knows nothing beyond its patch. What fills the patch with white, a van, a kerb, a cloud, is paint to it, and a larger patch "
        "costs more and blurs where the edge is.",
        (_CIRESAN, _GIUSTI, _MASCI, _DILATED),
    ),
    Rung(
        "fcn_pooled",
        "One network for the whole picture",
        "If patches share their work, let one network see the whole picture and answer for all places at once.",
        "Convolutions and pooling, as in a classifier, but with no layer that fixes the size: the fully convolutional network. Pooling "
        "makes maps small, so that it is fast and each value sees far. It took semantic segmentation from patches to whole pictures "
        "(62.2 % mean IoU on PASCAL VOC 2012, a fifth better than before).",
        "The output is smaller than the input. A stroke of paint far away is narrower than one of its cells: it is lost, or comes back "
        "as a block.",
        (_FCN,),
    ),
    Rung(
        "fcn",
        "No pooling, the same size out",
        "The output should be as sharp as the input. So leave the pooling out.",
        "Stride 1 and padding keep every map at full size; the last layer gives one number for every pixel, and binary cross-entropy "
        "against the mask trains it.",
        "Two prices. Every layer runs on every pixel, so that it is slow. And each 3x3 layer lets a pixel see only one pixel further: "
        "its receptive field is a small window, narrower than the gap between two dashes. It sees paint, never the lane.",
        (_FCN, _EFFECTIVE),
    ),
    Rung(
        "unet_noskip",
        "Encoder and decoder",
        "Have both: go down to see far, and come up again to be sharp.",
        "An encoder halves the maps several times and sees ever more of the picture; a decoder doubles them back to full size. Work on "
        "small maps is cheap, so it can have many channels where they cost little.",
        "What the halving threw away is gone: the decoder has to guess where exactly an edge was. Thin strokes come back soft or broken.",
        (_FCN,),
    ),
    Rung(
        "unet_plain",
        "U-Net: the skips",
        "The encoder still had the sharp maps on its way down. Hand them over.",
        "At every size the encoder's maps are joined to the decoder's: what (from below) and where (from beside) meet. Made for "
        "microscopy, where 30 labelled pictures had to do, it learns from very little data.",
        "It sees one frame at a time. Where paint is worn or hidden for a moment the mask comes and goes.",
        (_UNET,),
    ),
    Rung(
        "unet3d",
        "Time as a third dimension",
        "A drive is no pile of pictures: what was paint a moment ago still is.",
        "V-Net's residual blocks, with time as the third dimension. It is causal: it sees this frame and the seven before it, never the "
        "next. The maps of the frame before are kept from run to run, so that a frame costs one frame's work and no delay.",
        "It is right about the past, and the road moves: from frame to frame paint close by moves further than its convolutions reach, "
        "and stays behind as a ghost; paint far ahead hardly flickers to begin with. In the same seconds it has to learn both to see and "
        "to remember, from clips that are made of single frames. So theory's promise of steadier masks is not kept at this size: not "
        "against unet_plain with two thresholds in time, which cost next to nothing, and not against unet_plain with one, whose flicker on "
        "the same clips was 0.46 %.",
        (_VNET, _UNET),
    ),
    Rung(
        "deeplab",
        "Far sight without halving",
        "Another way to see far: leave holes in the filters in place of shrinking the maps.",
        "Atrous (dilated) convolutions of several rates side by side, a pyramid, and an average over the whole picture beside them, on a "
        "light backbone.",
        "The answer is made at a fraction of the picture's size and scaled up: fine for cars and sky, coarse for a stroke of paint. On "
        "the lanes of BDD100K a DeepLabV3+ of 15.4 million parameters is reported at 29.8 IoU, behind a network of 0.44 million at 31.1.",
        (_DEEPLAB, _DEEPLAB_PLUS, _TWIN),
    ),
    Rung(
        "maskrcnn",
        "Lanes as things",
        "A mask does not say which paint belongs together. Ask for objects.",
        "Propose regions, look at each by itself (RoIAlign), and draw a mask in it: every lane line comes out as an instance of its own, "
        "which tracking can take as it is. Here it is small, with sixteen regions a frame, and its anchors lean to the left or to the "
        "right as lines do.",
        "It was made for compact things. A lane line is long and thin: its box is mostly road and overlaps its neighbour's, and a cell "
        "of a small mask stretched over a large box is several pixels wide, so that edges are blunt. A line for which no region is "
        "proposed is lost as a whole. Two stages cost time: 5 frames a second on a GPU of 2017.",
        (_MASK_RCNN,),
    ),
    Rung(
        "unet",
        "The product",
        "What is left is engineering: an encoder that has seen a million photographs, an input no larger than needed, and training for "
        "light, weather and cameras.",
        "A U-Net on the first blocks of EfficientNet-Lite0, which starts from ImageNet's weights, quantised to int8, and looking at the "
        "rows where the road is. It was trained longer and on more data than the rungs above, so that the distance to them is not that "
        "of the architecture alone.",
        "Its card says where: edge lines on the far side of the road, reflections in rain, arrows.",
        (_UNET, _LITE),
    ),
    Rung(
        "unet-large",
        "The product, for a GPU",
        "The same where there is time for more.",
        "Two U-Nets in one file, whose logits are averaged: unet itself, and one with the encoder of EfficientNet-Lite2, twice the "
        "channels in the decoder and twice the pixels. The figures on this page were taken of the second by itself, before unet joined it.",
        "It costs several times as much, and sees little that the smaller one does not.",
        (_UNET, _LITE),
    ),
)

BY_NAME = {rung.name: rung for rung in RUNGS}
