//! QuantizedMaxPool, QuantizedAvgPool: pooling of bytes; ranges pass through.
//!
//! The arithmetic is [`bakelite_kernels::pool`]: the padding never wins a maximum and does not count in an average.
use crate::cost::Work;
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Call, Site};
use crate::ops::known::Known;
use crate::ops::quantized_product::{restored, stored};
use crate::ops::quantized_window::type_of;
use crate::ops::scales::zero_point;
use crate::ops::window::{Geometry, PadAttribute, Padding};
use crate::ops::{Fact, Inputs, Operation};
use crate::tensor::{DataType, Tensor};
use bakelite_kernels::{Place, pool};
use std::ops::RangeInclusive;

/// Inputs: x, min, max. Outputs: y, and its min and max.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedPool {
    /// Whether windows are averaged; else their maximum is taken.
    pub average: bool,
    /// quint8 or qint8.
    pub dtype: DataType,
    /// Rows and columns of a window.
    pub kernel: [usize; 2],
    /// From an output pixel to the next, in input pixels.
    pub stride: [usize; 2],
    /// SAME or VALID.
    pub padding: Padding,
}

impl QuantizedPool {
    /// Shapes as the kernel takes them.
    fn params(&self, k: &Known<'_>) -> Result<pool::Params, Reason> {
        let x = k.nhwc(0)?;
        let [batch, height, width, channels] = x;
        let geometry = Geometry::new([height, width], self.kernel, self.stride, [1, 1], self.padding)?;
        // A sum of so many bytes is exact in f32.
        if self.kernel[0].saturating_mul(self.kernel[1]) > 1 << 16 {
            return Err(Reason::new(format!("a window of {:?} taps", self.kernel)).supported("at most 65536"));
        }
        let y = [batch, geometry.output[0], geometry.output[1], channels];
        crate::tensor::elements(&y)?;
        let (x, y, zero_point) = (Place::dense(x), Place::dense(y), zero_point(self.dtype));
        Ok(pool::Params { x, y, window: geometry.window, zero_point })
    }
}

impl Operation for QuantizedPool {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        Ok(Self {
            average: a.op() == "QuantizedAvgPool",
            dtype: type_of(a, "T", None, &[DataType::DtQuint8, DataType::DtQint8])?,
            kernel: a.hw("ksize", None)?,
            stride: a.hw("strides", None)?,
            padding: Padding::parse(a, PadAttribute::None)?,
        })
    }
    fn name(&self) -> &str {
        if self.average { "QuantizedAvgPool" } else { "QuantizedMaxPool" }
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("T", self.dtype);
        a.hw("ksize", self.kernel);
        a.hw("strides", self.stride);
        self.padding.write(a);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        3..=3
    }
    fn ports(&self) -> usize {
        3
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let k = Known::from(x);
        k.expect(0, self.dtype)?;
        let y = self.params(&k)?.y;
        let shape = vec![y.batch, y.height, y.width, y.channels];
        let [min, max] = k.passed_range(1)?;
        Ok(vec![Fact::new(self.dtype, shape), min, max])
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let k = Known::from(x);
        let (params, bytes) = (self.params(&k)?, stored(x.get(0)?)?);
        let at = params.y;
        let mut y = vec![0; at.batch * at.image];
        let reference = if self.average { pool::average_reference } else { pool::max_reference };
        reference(&params, &bytes, &mut y);
        let shape = vec![at.batch, at.height, at.width, at.channels];
        let y = Tensor::new(self.dtype, shape, restored(y, self.dtype))?;
        let [min, max] = k.range(1, "range")?.map(Tensor::scalar);
        Ok(vec![y, min, max])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let facts = site.x.clone();
        let params = self.params(&Known::from(&facts[..]))?;
        let (x, y) = (site.x(0)?, site.y(0)?);
        let params = pool::Params { x: x.place, y: y.place, ..params };
        let kernel = if self.average { "pool::Average" } else { "pool::Max" };
        let work = Work::windows(&params.window, y.elements());
        let kernel = format!("{kernel}::<{}>", params.slides());
        site.call(Call::new(kernel, &params).work(work).read("x", x).write("y", y));
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
