"""The five networks of `bakelite zoo`, for ours and for every peer: written once, kept in the work folder.

All start from the same fp32 GraphDef and are calibrated on the same samples. The weights are synthetic, so nothing here
says anything about accuracy; speed, memory and size are those of the real networks.
"""
import os
import subprocess

import numpy as np

EXTENT = {"resnet50": 224, "resnet101": 224, "inception_v3": 299, "mobilenet_v1": 224, "mobilenet_v2": 224}
INPUT, OUTPUT = "input", "predictions/Softmax"
SAMPLES = 8


def shape(network):
    return [1, EXTENT[network], EXTENT[network], 3]


def samples(network):
    random = np.random.default_rng(1)
    return random.uniform(-1, 1, [SAMPLES, *shape(network)[1:]]).astype(np.float32)


class Files:
    """Where the forms of one network lie; `make` writes those that are missing."""

    def __init__(self, network, folder, bakelite):
        self.network, self.bakelite = network, bakelite
        self.folder = os.path.join(folder, network)
        os.makedirs(self.folder, exist_ok=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def make(self, name, write):
        """The path of `name`, which `write(path)` makes; written aside, so that a stopped run leaves nothing half."""
        path = self.path(name)
        if not os.path.exists(path):
            print(f"{self.network}: writing {name}", flush=True)
            root, extension = os.path.splitext(path)
            aside = root + ".part" + extension
            write(aside)
            os.rename(aside, path)
        return path

    def tool(self, *arguments):
        subprocess.run([self.bakelite, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def fp32(self):
        return self.make("fp32.pb", lambda path: self.tool("zoo", self.network, "-o", path))

    def int8(self):
        calibration = self.make("samples.npy", lambda path: np.save(path, samples(self.network)))
        return self.make(
            "int8.pb", lambda path: self.tool("quantize", self.fp32(), "--calibration", calibration, "-o", path)
        )

    def baked(self):
        """Compiled anew each time: it is what is measured."""
        package = self.path("baked")
        self.tool("compile", self.int8(), "--name", self.network, "-o", package, "--build")
        return os.path.join(package, self.network)

    def onnx(self):
        return self.make("fp32.onnx", self.write_onnx)

    def onnx_int8(self):
        return self.make("int8.onnx", self.write_onnx_int8)

    def openvino_int8(self):
        return self.make("int8.xml", self.write_openvino_int8)

    def litert(self):
        return self.make("fp32.tflite", lambda path: self.write_litert(path, False))

    def litert_int8(self):
        return self.make("int8.tflite", lambda path: self.write_litert(path, True))

    def write_onnx(self, path):
        import tensorflow as tf
        import tf2onnx

        definition = tf.compat.v1.GraphDef()
        with open(self.fp32(), "rb") as file:
            definition.ParseFromString(file.read())
        tf2onnx.convert.from_graph_def(
            definition, input_names=[INPUT + ":0"], output_names=[OUTPUT + ":0"], opset=17, output_path=path
        )

    def write_onnx_int8(self, path):
        from onnxruntime import quantization
        from onnxruntime.quantization.shape_inference import quant_pre_process

        class Reader(quantization.CalibrationDataReader):
            def __init__(self, network):
                self.rest = iter(samples(network))

            def get_next(self):
                sample = next(self.rest, None)
                return None if sample is None else {INPUT + ":0": sample[None]}

        folded = self.path("folded.onnx")
        quant_pre_process(self.onnx(), folded, skip_symbolic_shape=True)
        quantization.quantize_static(folded, path, Reader(self.network), per_channel=True)
        os.remove(folded)

    def write_openvino_int8(self, path):
        import nncf
        import openvino as ov

        model = ov.convert_model(self.fp32(), input=[(INPUT + ":0", shape(self.network))], output=[OUTPUT + ":0"])
        dataset = nncf.Dataset([sample[None] for sample in samples(self.network)])
        quantized = nncf.quantize(model, dataset, subset_size=SAMPLES)
        ov.save_model(quantized, path, compress_to_fp16=False)
        os.replace(os.path.splitext(path)[0] + ".bin", self.path("int8.bin"))

    def write_litert(self, path, int8):
        import tensorflow as tf

        converter = tf.compat.v1.lite.TFLiteConverter.from_frozen_graph(
            self.fp32(), [INPUT], [OUTPUT], {INPUT: shape(self.network)}
        )
        if int8:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([sample[None]] for sample in samples(self.network))
        model = converter.convert()
        with open(path, "wb") as file:
            file.write(model)
