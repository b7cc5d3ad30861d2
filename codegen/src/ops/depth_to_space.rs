//! DepthToSpace, SpaceToDepth: channels become blocks of b x b pixels, and back. Any type.
//!
//! ```text
//! DepthToSpace   y[n, h*b + i, w*b + j, c] = x[n, h, w, (i*b + j)*C + c]     C channels of y
//! SpaceToDepth   the other way round
//! ```
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::Site;
use crate::ops::{Fact, Inputs, Operation, check, strided};
use crate::tensor::{DataType, Shape, Tensor};
use std::ops::RangeInclusive;

/// Moves channels into blocks of pixels, or back.
#[derive(Clone, Debug, PartialEq)]
pub struct DepthToSpace {
    /// Element type.
    pub dtype: DataType,
    /// Pixels of a block's side.
    pub block: usize,
    /// SpaceToDepth.
    pub back: bool,
}

/// The result's shape, and how it is gathered: extents of its six loops, and their strides in x.
struct Moved {
    shape: Shape,
    extent: [usize; 6],
    stride: [isize; 6],
}

impl DepthToSpace {
    fn moved(&self, x: &[usize]) -> Result<Moved, Reason> {
        let [n, height, width, channels] = check::ranked(x, "an image")?;
        let (b, area) = (self.block, self.block * self.block);
        let fits = if self.back { height % b == 0 && width % b == 0 } else { channels % area == 0 };
        if !fits {
            let what = if self.back { "a height and width" } else { "channels" };
            let unit = if self.back { b } else { area };
            return Err(Reason::new(format!("an image of shape {x:?}"))
                .supported(format!("{what} that are multiples of {unit}")));
        }
        let order = [0, 1, 3, 2, 4, 5];
        // The dimensions of x, its blocks apart.
        let (inner, shape) = if self.back {
            let inner = [n, height / b, b, width / b, b, channels];
            (inner, vec![n, height / b, width / b, area.saturating_mul(channels)])
        } else {
            let inner = [n, height, width, b, b, channels / area];
            (inner, vec![n, height.saturating_mul(b), width.saturating_mul(b), channels / area])
        };
        let strides = strided::dense(&inner);
        Ok(Moved { shape, extent: order.map(|d| inner[d]), stride: order.map(|d| strides[d]) })
    }
}

impl Operation for DepthToSpace {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        check::nhwc(a)?;
        let block = a.int("block_size")?;
        let size = usize::try_from(block).ok().filter(|b| (1..=1 << 8).contains(b));
        let block = size.ok_or_else(|| Reason::new(format!("block_size = {block}")).supported("1 to 256"))?;
        Ok(Self { dtype: a.dtype("T")?, block, back: a.op() == "SpaceToDepth" })
    }
    fn name(&self) -> &str {
        if self.back { "SpaceToDepth" } else { "DepthToSpace" }
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("T", self.dtype);
        a.int("block_size", self.block as i64);
        a.string("data_format", "NHWC");
    }
    fn arity(&self) -> RangeInclusive<usize> {
        1..=1
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        check::output(self.dtype, self.moved(check::typed(x, 0, self.dtype)?)?.shape)
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let x = x.get(0)?;
        let Moved { shape, extent, stride } = self.moved(&x.shape)?;
        let y = strided::gathered(x, extent.to_vec(), &stride, 0)?;
        Ok(vec![Tensor::new(y.dtype, shape, y.data)?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let Moved { extent, stride, .. } = self.moved(&site.x[0].shape)?;
        strided::lower(site, 0, &extent, &stride, 0)
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
