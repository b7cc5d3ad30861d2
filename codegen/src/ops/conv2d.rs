//! Conv2D: `y[n,oy,ox,oc] = Σ_{ky,kx,ic} x[n, oy*sh + ky*dh - top, ox*sw + kx*dw - left, ic] * w[ky,kx,ic,oc]`.
//!
//! Images are NHWC, weights HWIO. The sum goes over ky, kx, ic in this order (`Products::Contract`).
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Call, Site};
use crate::ops::window::{Geometry, PadAttribute, Padding};
use crate::ops::{Fact, Inputs, Operation, check, product};
use crate::tensor::{DataType, Tensor};
use bakelite_kernels::float::conv;
use std::ops::RangeInclusive;

/// A convolution in f32; pairs are `[rows, columns]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv2D {
    /// From an output pixel to the next, in input pixels.
    pub stride: [usize; 2],
    /// From a tap to the next, in input pixels.
    pub dilation: [usize; 2],
    /// What lies around the image.
    pub padding: Padding,
}

impl Conv2D {
    /// The window over an image, of shapes `[n, h, w, ic]` and `[kh, kw, ic, oc]`.
    pub fn geometry(&self, x: &[usize], w: &[usize]) -> Result<Geometry, Reason> {
        let [_, height, width, channels] = check::ranked(x, "an image")?;
        let [kernel_h, kernel_w, input, _] = check::ranked(w, "weights")?;
        if input != channels {
            let found = format!("weights of shape {w:?} for an image of {channels} channels");
            let help = if input > 0 && channels % input == 0 { "split grouped convolutions" } else { "" };
            return Err(Reason::new(found).supported(format!("{channels} input channels")).help(help));
        }
        Geometry::new([height, width], [kernel_h, kernel_w], self.stride, self.dilation, self.padding)
    }
    /// Shapes as the kernel takes them; the output is bounded in size.
    pub fn params(&self, x: &[usize], w: &[usize]) -> Result<conv::Params, Reason> {
        let Geometry { output: [height, width], window, .. } = self.geometry(x, w)?;
        let (x, [.., channels]) = (check::place(x)?, check::ranked::<4>(w, "weights")?);
        Ok(conv::Params { x, y: check::place(&[x.batch, height, width, channels])?, window })
    }
}

impl Operation for Conv2D {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        check::float(a, "T")?;
        check::nhwc(a)?;
        Ok(Self {
            stride: a.hw("strides", None)?,
            dilation: a.hw("dilations", Some([1, 1]))?,
            padding: Padding::parse(a, PadAttribute::Explicit)?,
        })
    }
    fn name(&self) -> &str {
        "Conv2D"
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("T", DataType::DtFloat);
        a.hw("strides", self.stride);
        a.hw("dilations", self.dilation);
        self.padding.write(a);
        a.string("data_format", "NHWC");
    }
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let y = self.params(check::float_shape(x, 0)?, check::float_shape(x, 1)?)?.y;
        check::output(DataType::DtFloat, vec![y.batch, y.height, y.width, y.channels])
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let params = self.params(&x.get(0)?.shape, &x.get(1)?.shape)?;
        let at = params.y;
        let mut y = vec![0.0; at.batch * at.image];
        product::conv(&params, x.f32(0)?, x.f32(1)?, &mut y, x.products);
        Ok(vec![Tensor::f32(vec![at.batch, at.height, at.width, at.channels], y)?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let params = self.params(&site.x[0].shape, &site.x[1].shape)?;
        let (x, w, y) = (site.x(0)?, site.x_dense(1)?, site.y(0)?);
        let params = conv::Params { x: x.place, y: y.place, ..params };
        site.call(Call::new("float::conv::Conv", &params).read("x", x).read("w", w).write("y", y));
        Ok(())
    }
    fn macs(&self, x: &[Fact], _: &[Fact]) -> u64 {
        let [x, w] = x else { return 0 };
        let (Ok(geometry), [batch, ..], [.., ic, oc]) = (self.geometry(&x.shape, &w.shape), &x.shape[..], &w.shape[..])
        else {
            return 0;
        };
        [*batch, *ic, *oc].iter().fold(geometry.taps(), |macs, &n| macs.saturating_mul(n as u64))
    }
}
