#!/usr/bin/env python3
"""Measures what int8 costs, ours beside our peers': the same graphs, calibration samples and test samples.

    python3 -m venv inc  && inc/bin/pip install tensorflow-cpu==2.15.1 'numpy<2' neural-compressor==2.6 tf2onnx 'onnx<1.17'
    python3 -m venv nncf && nncf/bin/pip install nncf openvino onnxruntime onnx pillow numpy pycocotools
    nncf/bin/python scripts/accuracy.py --inc inc/bin/python --work FOLDER [--network NAME ...] [--tool NAME ...] [--paired]

Samples are made once, as arrays that every tool reads. Results and the outputs for every sample are kept in FOLDER, so that a
run goes on where it stopped; `--again TOOL` forgets a tool's. fp32 is ONNX Runtime on the graph as tf2onnx converts it.

`--paired` compares ours with the others sample by sample: how many only one of two gets right, the exact p of McNemar's test, and
the difference with its 95 % interval by a paired bootstrap, over rows for AUC and over pictures for AP.
"""
import argparse
import contextlib
import csv
import json
import math
import os
import pathlib
import subprocess
import sys
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
PICTURES = ("imagenet-val", "imagenet-calibration")
# file, inputs, output, samples, side, (subtract, divide), labels' offset
NETWORKS = {
    "mobilenet_v1": ("mobilenet_v1_1.0_224_frozen", ["input"], "MobilenetV1/Predictions/Reshape_1", PICTURES, 224, (127.5, 127.5), 1),
    "efficientnet_lite0": ("efficientnet_lite0_224", ["input"], "Identity", PICTURES, 224, (127, 128), 0),
    "resnet8": ("mlperf_tiny_resnet8_cifar10", ["input"], "Identity", "cifar", 32, (0, 1), 0),
    "vww": ("mlperf_tiny_mobilenetv1_025_vww96", ["input"], "Identity", PICTURES, 96, (0, 255), None),
    "kws": ("mlperf_tiny_dscnn_kws", ["input"], "Identity", "waves", (49, 10, 1), None, None),
    "autoencoder": ("mlperf_tiny_autoencoder_toycar", ["input"], "Identity", "waves", (640,), None, None),
    "centernet": ("human_mb3_centernet_coco", ["tower_0/images"], "tower_0/detections", "coco", 512, (0, 1), None),
    "wide_deep": ("wide_deep_adult", ["numeric", "categorical"], "Identity", "adult", None, None, 0),
}
TOOLS = ["fp32", "bakelite", "bakelite-per-tensor", "inc", "ort", "nncf"]


def model(name):
    return SHARED / "models" / f"{NETWORKS[name][0]}.pb"


def pixels(files, side, scale):
    """Whole pictures, bilinear."""
    from PIL import Image

    x = [np.asarray(Image.open(f).convert("RGB").resize((side, side), Image.BILINEAR), "f4") for f in files]
    return (np.stack(x) - np.float32(scale[0])) / np.float32(scale[1])


def waves(shape, count, seed):
    """Sums of slow waves in the range of log-mel windows and MFCC, for networks whose own data is not at hand."""
    random = np.random.default_rng(seed)
    grid = np.arange(np.prod(shape)).reshape(shape) / 10.0
    terms = [random.normal(0, 12, (count,) + (1,) * len(shape)) * np.sin(grid * random.uniform(0.05, 2, (count,) + (1,) * len(shape))
             + random.uniform(0, 6, (count,) + (1,) * len(shape))) for _ in range(4)]
    return (sum(terms) + random.normal(-10, 4, (count,) + shape)).astype("f4")


def listed(folder):
    with open(folder / "labels.csv") as file:
        rows = list(csv.reader(file))[1:]
    return [folder / row[0] for row in rows], np.array([int(row[1]) for row in rows])


def samples(name, work):
    """Writes calibration and test arrays, and labels; once."""
    _, inputs, _, kind, shape, scale, offset = NETWORKS[name]
    folder = work / name
    if (folder / "ready").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    data, labels = SHARED / "data", None
    if kind == PICTURES:
        files, labels = listed(data / kind[0])
        test = [pixels(files, shape, scale)]
        calibration = [pixels(sorted((data / kind[1]).glob("*.jpg")), shape, scale)]
    elif kind == "coco":
        test = [pixels(sorted((data / "coco-val" / "images").iterdir()), shape, scale)]
        calibration = [pixels(sorted((data / PICTURES[1]).glob("*.jpg"))[::3], shape, scale)]
    elif kind == "cifar":
        files, labels = listed(data / "cifar10-test")
        x, every = pixels(files, shape, scale), np.arange(len(files)) % 10 == 0
        test, calibration, labels = [x[~every]], [x[every]], labels[~every]
    elif kind == "waves":
        test, calibration = [waves(shape, 500, 1)], [waves(shape, 200, 2)]
    else:
        test = [np.load(data / "adult" / f"{i}.npy") for i in inputs]
        calibration = [np.load(data / "adult" / f"calibration_{i}.npy") for i in inputs]
        labels = np.load(data / "adult" / "label.npy").astype(int)
    for i, (x, c) in enumerate(zip(test, calibration)):
        np.save(folder / f"x{i}.npy", x)
        np.save(folder / f"c{i}.npy", c)
    if offset is not None:
        np.save(folder / "label.npy", labels + offset)
    (folder / "ready").touch()
    return folder


def outputs_file(folder, tool):
    return folder / f"outputs-{tool.replace('--', '-')}.npy"


def arrays(folder, letter, inputs):
    return [np.load(folder / f"{letter}{i}.npy") for i in range(len(inputs))]


def onnx_file(name, folder, inc):
    """The graph as ONNX, by tf2onnx."""
    _, inputs, output, *_ = NETWORKS[name]
    path = folder / "fp32.onnx"
    if not path.exists():
        subprocess.run([inc, "-m", "tf2onnx.convert", "--graphdef", model(name), "--opset", "15", "--output", path, "--outputs",
                        f"{output}:0", "--inputs", ",".join(f"{i}:0" for i in inputs)], check=True, stderr=subprocess.DEVNULL)
    return path


def run_onnx(path, xs, inputs):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {f"{n}:0": x[i:i + 1] for n, x in zip(inputs, xs)})[0] for i in range(len(xs[0]))])


def ort(name, folder, inc):
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    _, inputs, *_ = NETWORKS[name]
    rows = iter(zip(*arrays(folder, "c", inputs)))

    class Reader(CalibrationDataReader):
        def get_next(self):
            row = next(rows, None)
            return None if row is None else {f"{n}:0": r[None] for n, r in zip(inputs, row)}

    prepared, quantized = folder / "prepared.onnx", folder / "ort.onnx"
    quant_pre_process(str(onnx_file(name, folder, inc)), str(prepared), skip_symbolic_shape=True)
    quantize_static(str(prepared), str(quantized), Reader(), quant_format=QuantFormat.QDQ, per_channel=True)
    return run_onnx(quantized, arrays(folder, "x", inputs), inputs)


def nncf(name, folder, inc):
    import nncf as tool
    import openvino

    _, inputs, *_ = NETWORKS[name]
    read = openvino.Core().read_model(str(onnx_file(name, folder, inc)))
    rows = list(zip(*arrays(folder, "c", inputs)))
    data = tool.Dataset(rows, lambda row: {f"{n}:0": r[None] for n, r in zip(inputs, row)})
    compiled = openvino.Core().compile_model(tool.quantize(read, data, subset_size=len(rows)), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    xs = arrays(folder, "x", inputs)
    return np.concatenate([compiled({f"{n}:0": x[i:i + 1] for n, x in zip(inputs, xs)})[0] for i in range(len(xs[0]))])


def neural_compressor(name, folder):
    """Runs in the other environment."""
    import tensorflow as tf
    from neural_compressor import PostTrainingQuantConfig, quantization

    _, inputs, output, *_ = NETWORKS[name]
    rows = list(zip(*arrays(folder, "c", inputs)))

    class Loader:
        batch_size = 1

        def __iter__(self):
            for row in rows:
                x = [r[None] for r in row]
                yield (x[0] if len(x) == 1 else tuple(x)), None

    config = PostTrainingQuantConfig(inputs=inputs, outputs=[output], calibration_sampling_size=[len(rows)])
    quantized = quantization.fit(str(model(name)), config, calib_dataloader=Loader())
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(quantized.graph_def, name="")
    xs = arrays(folder, "x", inputs)
    with tf.compat.v1.Session(graph=graph) as session:
        feed = [{f"{n}:0": x[i:i + 1] for n, x in zip(inputs, xs)} for i in range(len(xs[0]))]
        return np.concatenate([session.run(f"{output}:0", f) for f in feed])


def bakelite(name, folder, extra):
    """Ours, through compiled code; the cells of a row."""
    _, inputs, output, *_ = NETWORKS[name]
    tool = pathlib.Path(ARGS.bakelite or ROOT / "target/release/bakelite")
    quantized, report, predictions = (folder / f for f in (f"ours{'-'.join(extra)}.pb", "report.json", "predictions.npy"))
    calibration = [folder / f"c{i}.npy" for i in range(len(inputs))]
    subprocess.run([tool, "quantize", model(name), "--input", *inputs, "--output", output, "--calibration", *calibration,
                    "-o", quantized, *extra], check=True, stdout=subprocess.DEVNULL)

    def evaluate(*options):
        feeds = ["--feed"] + [f"{n}={folder / f'x{i}.npy'}" for i, n in enumerate(inputs)]
        subprocess.run([tool, "eval", model(name), quantized, "--output", output, *options, "--json", report]
                       + ([] if "map" in options else feeds) + ["--predictions", predictions], check=True, stdout=subprocess.DEVNULL)
        np.save(outputs_file(folder, "-".join(["bakelite", *extra])), np.load(predictions)[1])
        return json.loads(report.read_text())["models"][1]

    cells = []
    if name == "centernet":
        found = evaluate("--metric", "map", "--data", SHARED / "data/coco-val")
        return [f"AP {100 * found['ap']:.2f}", f"AP50 {100 * found['ap50']:.2f}"]
    if name == "wide_deep":
        found = evaluate("--metric", "auc", "--data", folder / "label.npy")
        cells = [f"accuracy {100 * found['accuracy']:.2f}", f"AUC {found['auc']:.4f}"]
    elif (folder / "label.npy").exists():
        found = evaluate("--metric", "top1", "--data", folder / "label.npy")
        cells = [f"top-1 {100 * found['top1']:.2f}", f"agrees {100 * found['agreement']:.1f} %"]
    elif name != "autoencoder":
        # Classes that nobody labelled: what fp32 says stands for them.
        np.save(folder / "class.npy", np.load(outputs_file(folder, "fp32")).argmax(1))
        cells = [f"agrees {100 * evaluate('--metric', 'top1', '--data', folder / 'class.npy')['top1']:.1f} %"]
    return cells if name == "wide_deep" else cells + [f"cosine {evaluate('--metric', 'cosine')['cosine']:.5f}"]


def outputs(name, tool, folder):
    _, inputs, *_ = NETWORKS[name]
    if tool == "fp32":
        return run_onnx(onnx_file(name, folder, ARGS.inc), arrays(folder, "x", inputs), inputs)
    if tool == "inc":
        command = [ARGS.inc, pathlib.Path(__file__).resolve(), "--work", pathlib.Path(ARGS.work).resolve(), "--worker", name]
        # It writes a workspace of its own where it runs.
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return np.load(outputs_file(folder, tool))
    return {"ort": ort, "nncf": nncf}[tool](name, folder, ARGS.inc)


def area(y, label):
    """Under the ROC curve; ties count half."""
    _, ranks, counts = np.unique(y, return_inverse=True, return_counts=True)
    middle = (np.cumsum(counts) - (counts - 1) / 2)[ranks]
    yes = (label == 1).sum()
    return (middle[label == 1].sum() - yes * (yes + 1) / 2) / (yes * (len(y) - yes))


def matched(detections, side):
    """What COCO's evaluation matches: for each category, by picture, scores, (thresholds, detections) of right ones and of
    ignored ones, and how many objects there are. Detections are rows (x1, y1, x2, y2, score, class)."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def box(x1, y1, x2, y2):
        return {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1), "iscrowd": 0}

    truth, found = [], []
    for picture, file in enumerate(sorted((SHARED / "data/coco-val/labels").iterdir())):
        for line in file.read_text().splitlines():
            kind, x, y, w, h = map(float, line.split())
            x, y, w, h = (v * side for v in (x, y, w / 2, h / 2))
            entry = {"id": len(truth) + 1, "image_id": picture, "category_id": int(kind)}
            truth.append(entry | box(x - w, y - h, x + w, y + h))
        found += [{"image_id": picture, "category_id": int(k), "score": s} | box(*r) for *r, s, k in detections[picture].tolist()]
    coco = COCO()
    coco.dataset = {"images": [{"id": i} for i in range(picture + 1)], "annotations": truth,
                    "categories": [{"id": i} for i in sorted({t["category_id"] for t in truth})]}
    coco.createIndex()
    run = COCOeval(coco, coco.loadRes(found), "bbox")
    run.evaluate()
    # By category, area (the first is all) and picture.
    pictures, areas = picture + 1, len(run.params.areaRng)
    each = [run.evalImgs[k * areas * pictures:][:pictures] for k in range(len(run.params.catIds))]
    empty = (np.zeros(0), np.zeros((len(run.params.iouThrs), 0), bool), np.zeros((len(run.params.iouThrs), 0), bool), 0)
    part = lambda e: empty if e is None else (np.array(e["dtScores"]), e["dtMatches"] > 0, e["dtIgnore"] > 0, int((e["gtIgnore"] == 0).sum()))
    return [[part(e) for e in category] for category in each]


def average_precision(matched, draw):
    """AP at each threshold over the drawn pictures: the mean over categories of the precision at 101 recalls."""
    all = []
    for category in matched:
        scores, right, ignored, objects = zip(*(category[i] for i in draw))
        if sum(objects) == 0:
            continue
        order = np.argsort(-np.concatenate(scores), kind="mergesort")
        right, ignored = (np.concatenate(v, 1)[:, order] for v in (right, ignored))
        hits, misses = np.cumsum(right & ~ignored, 1), np.cumsum(~right & ~ignored, 1)
        precision = np.maximum.accumulate((hits / np.maximum(hits + misses, 1))[:, ::-1], 1)[:, ::-1]
        at = [np.searchsorted(h / sum(objects), np.linspace(0, 1, 101)) for h in hits]
        all.append([np.append(p, 0)[np.minimum(i, len(p))].mean() for p, i in zip(precision, at)])
    return np.mean(all, 0)


def score(name, y, fp32, folder):
    """A row's cells."""
    if name == "centernet":
        with contextlib.redirect_stdout(sys.stderr):
            ap = average_precision(matched(y.reshape(-1, 100, 6), NETWORKS[name][4]), range(len(y)))
        return [f"AP {100 * ap.mean():.2f}", f"AP50 {100 * ap[0]:.2f}"]
    y, fp32 = y.reshape(len(y), -1).astype("f8"), fp32.reshape(len(y), -1).astype("f8")
    cosine = np.mean((y * fp32).sum(1) / np.maximum(np.linalg.norm(y, axis=1) * np.linalg.norm(fp32, axis=1), 1e-30))
    cells = []
    label = np.load(folder / "label.npy") if (folder / "label.npy").exists() else None
    if name == "wide_deep":
        cells += [f"accuracy {100 * np.mean((y[:, 0] > 0.5) == (label == 1)):.2f}", f"AUC {area(y[:, 0], label):.4f}"]
    elif label is not None:
        cells += [f"top-1 {100 * np.mean(y.argmax(1) == label):.2f}"]
    if y.shape[1] > 1 and name != "autoencoder":
        cells += [f"agrees {100 * np.mean(y.argmax(1) == fp32.argmax(1)):.1f} %"]
    return cells + ([f"cosine {cosine:.5f}"] if y.shape[1] > 1 else [])


def mcnemar(alone, other):
    """Exact, two-sided: as if a fair coin had decided each sample that one of two alone gets right."""
    n = alone + other
    return min(1, 2 * sum(math.comb(n, i) for i in range(min(alone, other) + 1)) / 2**n)


def paired(name, folder):
    """Lines of ours against each other tool whose outputs are there."""
    label = folder / "label.npy"
    if name != "centernet" and not label.exists():
        return
    label = np.load(label) if label.exists() else None
    kept = {tool: outputs_file(folder, tool) for tool in TOOLS}
    ys = {tool: np.load(file) for tool, file in kept.items() if file.exists()}
    ys = {tool: y.reshape(len(y), -1) for tool, y in ys.items()}
    count = len(ys["bakelite"])
    draws = np.random.default_rng(0).integers(0, count, (1000 if name == "centernet" else 10000, count))
    if name == "centernet":
        with contextlib.redirect_stdout(sys.stderr):
            parts = {tool: matched(y.reshape(-1, 100, 6), NETWORKS[name][4]) for tool, y in ys.items()}
        over = {tool: np.array([average_precision(part, draw).mean() for draw in draws]) for tool, part in parts.items()}
        value = {tool: average_precision(part, range(count)).mean() for tool, part in parts.items()}
    elif name == "wide_deep":
        over = {tool: np.array([area(y[draw, 0], label[draw]) for draw in draws[:1000]]) for tool, y in ys.items()}
        value = {tool: area(y[:, 0], label) for tool, y in ys.items()}
    else:
        over, value = {}, {}
    for tool in (t for t in ys if t != "bakelite"):
        if label is not None:
            mine, theirs = ((y[:, 0] > 0.5 if name == "wide_deep" else y.argmax(1)) == label for y in (ys["bakelite"], ys[tool]))
            alone, other = int((mine & ~theirs).sum()), int((theirs & ~mine).sum())
            difference = mine.astype(float) - theirs
            told(name, tool, "accuracy" if name == "wide_deep" else "top-1", difference.mean(), difference[draws].mean(1), [alone, other, f"p {mcnemar(alone, other):.2f}"])
        if tool in over:
            what = "AP" if name == "centernet" else "AUC"
            told(name, tool, what, value["bakelite"] - value[tool], over["bakelite"] - over[tool], [])


def told(name, tool, what, value, drawn, more):
    low, high = np.percentile(drawn, [2.5, 97.5])
    cells = [name, f"ours - {tool}", f"{what} {100 * value:+.2f} ({100 * low:+.2f} to {100 * high:+.2f})", *map(str, more)]
    print(f"| {' | '.join(cells)} |", flush=True)


def main():
    for name in ARGS.network:
        folder = samples(name, pathlib.Path(ARGS.work))
        for tool in ARGS.tool:
            kept, start = folder / f"{tool}.json", time.time()
            if tool in ARGS.again or not kept.exists():
                try:
                    if tool.startswith("bakelite"):
                        cells = bakelite(name, folder, ["--per-tensor"] if "per-tensor" in tool else [])
                    else:
                        y = outputs(name, tool, folder)
                        np.save(outputs_file(folder, tool), y)
                        cells = score(name, y, np.load(outputs_file(folder, "fp32")), folder)
                    kept.write_text(json.dumps(cells))
                except Exception as error:  # One tool's failure is a result too.
                    print(f"| {name} | {tool} | failed: {str(error).splitlines()[0][:100]} |", flush=True)
                    continue
            cells = json.loads(kept.read_text())
            print(f"| {name} | {tool} | {' | '.join(cells)} |", flush=True)
            print(f"{time.time() - start:.0f} s", file=sys.stderr, flush=True)
        if ARGS.paired:
            paired(name, folder)


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--work", required=True)
parser.add_argument("--inc", type=os.path.abspath, help="python with TensorFlow, Neural Compressor and tf2onnx")
parser.add_argument("--bakelite", help="the tool; without it, target/release/bakelite")
parser.add_argument("--network", nargs="+", default=list(NETWORKS), choices=NETWORKS)
parser.add_argument("--tool", nargs="+", default=TOOLS, choices=TOOLS)
parser.add_argument("--again", nargs="+", default=[], choices=TOOLS)
parser.add_argument("--paired", action="store_true", help="compare ours with each other tool, sample by sample")
parser.add_argument("--worker", help=argparse.SUPPRESS)
ARGS = parser.parse_args()
if ARGS.worker:
    place = pathlib.Path(ARGS.work) / ARGS.worker
    np.save(outputs_file(place, "inc"), neural_compressor(ARGS.worker, place))
else:
    main()
