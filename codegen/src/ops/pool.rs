//! MaxPool and AvgPool: the greatest, or the average, of the taps inside the image. NHWC.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Call, Site};
use crate::ops::window::{Geometry, PadAttribute, Padding};
use crate::ops::{Fact, Inputs, Operation, check, product};
use crate::tensor::{DataType, Tensor};
use bakelite_kernels::float::pool;
pub use bakelite_kernels::float::pool::Function;
use std::ops::RangeInclusive;

/// A pooling in f32; pairs are `[rows, columns]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// Greatest or average.
    pub function: Function,
    /// Taps.
    pub kernel: [usize; 2],
    /// From an output pixel to the next, in input pixels.
    pub stride: [usize; 2],
    /// What lies around the image; no tap falls there.
    pub padding: Padding,
}

impl Pool {
    /// Which attribute may hold explicit paddings.
    fn numbers(&self) -> PadAttribute {
        match self.function {
            Function::Max => PadAttribute::Explicit,
            Function::Average => PadAttribute::None,
        }
    }
    /// Shapes as the kernel takes them; the output is bounded in size.
    pub fn params(&self, x: &[usize]) -> Result<pool::Params, Reason> {
        let x = check::place(x)?;
        let Geometry { output, window, after, .. } =
            Geometry::new([x.height, x.width], self.kernel, self.stride, [1, 1], self.padding)?;
        if (0..2).any(|axis| window.pad[axis].max(after[axis]) >= self.kernel[axis]) {
            return Err(Reason::new(format!("padding {:?} of a window of {:?} taps", self.padding, self.kernel))
                .supported("less padding than taps"));
        }
        let y = check::place(&[x.batch, output[0], output[1], x.channels])?;
        Ok(pool::Params { function: self.function, x, y, window })
    }
}

impl Operation for Pool {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        check::float(a, "T")?;
        check::nhwc(a)?;
        let function = if a.op() == "MaxPool" { Function::Max } else { Function::Average };
        let pool = Self {
            function,
            kernel: a.hw("ksize", None)?,
            stride: a.hw("strides", None)?,
            padding: Padding::Valid,
        };
        Ok(Self { padding: Padding::parse(a, pool.numbers())?, ..pool })
    }
    fn name(&self) -> &str {
        match self.function {
            Function::Max => "MaxPool",
            Function::Average => "AvgPool",
        }
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("T", DataType::DtFloat);
        a.hw("ksize", self.kernel);
        a.hw("strides", self.stride);
        self.padding.write(a);
        a.string("data_format", "NHWC");
    }
    fn arity(&self) -> RangeInclusive<usize> {
        1..=1
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let y = self.params(check::float_shape(x, 0)?)?.y;
        check::output(DataType::DtFloat, vec![y.batch, y.height, y.width, y.channels])
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let pool::Params { function, x: at_x, y: at, window } = self.params(&x.get(0)?.shape)?;
        let (x, mut y) = (x.f32(0)?, vec![0.0; at.batch * at.image]);
        product::bands(at_x, at, window, &mut y, |x_, y_, window, y| {
            check::run(pool::Pool { params: &pool::Params { function, x: x_, y: y_, window }, x, y });
        });
        Ok(vec![Tensor::f32(vec![at.batch, at.height, at.width, at.channels], y)?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let params = self.params(&site.x[0].shape)?;
        let (x, y) = (site.x(0)?, site.y(0)?);
        let params = pool::Params { x: x.place, y: y.place, ..params };
        site.call(Call::new("float::pool::Pool", &params).read("x", x).write("y", y));
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
