//! ResizeBilinear, ResizeNearestNeighbor: images of another size, NHWC.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Call, Site};
use crate::map_data;
use crate::ops::{Fact, Inputs, Operation, check};
use crate::tensor::{Data, DataType, Tensor, elements};
use bakelite_kernels::float::resize::{Axis, Bilinear, Nearest};
use std::ops::RangeInclusive;

/// Changes the size of images.
#[derive(Clone, Debug, PartialEq)]
pub struct Resize {
    /// What is computed.
    pub function: Function,
    /// Element type; a bilinear result is float.
    pub dtype: DataType,
    /// Whether the first and last pixels stay where they are.
    pub align_corners: bool,
    /// Whether a pixel's place is its middle.
    pub half_pixel_centers: bool,
}

/// How pixels between pixels are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is named as TensorFlow names it")]
pub enum Function {
    Bilinear,
    NearestNeighbor,
}

/// Bilinear results are made of these.
const TYPES: [DataType; 2] = [DataType::DtFloat, DataType::DtUint8];

impl Resize {
    /// The images of x and their axes.
    fn axes(&self, x: &[usize], sizes: &[i64]) -> Result<(usize, [Axis; 2], usize), Reason> {
        let [batch, height, width, channels] = check::ranked(x, "images")?;
        let size = |v: &i64| usize::try_from(*v).ok().filter(|n| (1..=1 << 20).contains(n));
        let sizes = match sizes {
            [h, w] => size(h).zip(size(w)),
            _ => None,
        };
        let (out_height, out_width) =
            sizes.ok_or_else(|| Reason::new("the new size").supported("[height, width], 1 to 1048576"))?;
        if height == 0 || width == 0 {
            return Err(Reason::new(format!("images of shape {x:?}")).supported("at least one pixel"));
        }
        elements(&[batch, out_height, out_width, channels])?;
        Ok((batch, [self.axis(height, out_height), self.axis(width, out_width)], channels))
    }
    fn axis(&self, x: usize, y: usize) -> Axis {
        let scale =
            if self.align_corners && y > 1 { (x - 1) as f32 / (y - 1) as f32 } else { x as f32 / y as f32 };
        Axis { x, y, scale, centers: self.half_pixel_centers }
    }
    /// The result's type.
    fn output(&self) -> DataType {
        match self.function {
            Function::Bilinear => DataType::DtFloat,
            Function::NearestNeighbor => self.dtype,
        }
    }
}

impl Operation for Resize {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        let (function, dtype) = match a.op() {
            "ResizeBilinear" => (Function::Bilinear, check::one_of(a, "T", &TYPES)?),
            _ => (Function::NearestNeighbor, a.dtype("T")?),
        };
        let align_corners = a.bool_or("align_corners", false)?;
        let half_pixel_centers = a.bool_or("half_pixel_centers", false)?;
        if align_corners && half_pixel_centers {
            return Err(Reason::new("align_corners and half_pixel_centers").supported("one of them"));
        }
        Ok(Self { function, dtype, align_corners, half_pixel_centers })
    }
    fn name(&self) -> &str {
        match self.function {
            Function::Bilinear => "ResizeBilinear",
            Function::NearestNeighbor => "ResizeNearestNeighbor",
        }
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("T", self.dtype);
        a.bool("align_corners", self.align_corners);
        a.bool("half_pixel_centers", self.half_pixel_centers);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let sizes = check::known_ints(x, 1, "size")?;
        let (batch, [height, width], channels) = self.axes(check::typed(x, 0, self.dtype)?, &sizes)?;
        check::output(self.output(), vec![batch, height.y, width.y, channels])
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let tensor = x.get(0)?;
        let (batch, [height, width], channels) = self.axes(&tensor.shape, &x.ints(1)?)?;
        let shape = vec![batch, height.y, width.y, channels];
        let count = elements(&shape)?;
        if count == 0 {
            return Ok(vec![Tensor::new(
                self.output(),
                shape,
                map_data!(&tensor.data, v => v[..0].to_vec()),
            )?]);
        }
        let data = match self.function {
            Function::Bilinear => {
                let floats;
                let x = match &tensor.data {
                    Data::F32(x) => x,
                    Data::U8(x) => {
                        floats = x.iter().map(|&x| f32::from(x)).collect();
                        &floats
                    }
                    _ => return Err(Reason::new(tensor.to_string()).supported("float or uint8")),
                };
                let mut y = vec![0.0; count];
                check::run(Bilinear { batch, height, width, channels, x, y: &mut y });
                Data::F32(y)
            }
            Function::NearestNeighbor => map_data!(&tensor.data, v => {
                let mut y = vec![Default::default(); count];
                check::run(Nearest { batch, height, width, channels, round: self.align_corners, x: v, y: &mut y });
                y
            }),
        };
        Ok(vec![Tensor::new(self.output(), shape, data)?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let sizes = site.constant(1, "size")?.to_i64()?;
        let (batch, [height, width], channels) = self.axes(&site.x[0].shape, &sizes)?;
        let (x, y) = (site.x_dense(0)?, site.y_dense(0)?);
        let (call, x) = match self.function {
            Function::Bilinear if self.dtype == DataType::DtUint8 => {
                let floats = site.scratch(y.element, x.shape()).exact();
                site.call(Call::bare("float::cast::Cast").read("x", x).write("y", floats));
                (Call::bare("float::resize::Bilinear"), floats)
            }
            Function::Bilinear => (Call::bare("float::resize::Bilinear"), x),
            Function::NearestNeighbor => {
                (Call::bare("float::resize::Nearest").value("round", &self.align_corners), x)
            }
        };
        let call = call.value("batch", &batch).value("height", &height).value("width", &width);
        site.call(call.value("channels", &channels).read("x", x).write("y", y));
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
