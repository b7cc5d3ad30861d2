//! DepthwiseConv2dNative: `y[.., ic*multiplier + q] = Σ_{ky,kx} x[oy*sh + ky*dh - top, ..., ic] * w[ky,kx,ic,q]`.
//!
//! Images are NHWC, weights HWC with `multiplier` outputs of each channel. The sum goes over ky, kx in this order.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Call, Site};
use crate::ops::window::{Geometry, PadAttribute, Padding};
use crate::ops::{Fact, Inputs, Operation, check, product};
use crate::tensor::{DataType, Tensor, elements};
use bakelite_kernels::float::dwconv;
use std::ops::RangeInclusive;

/// A depthwise convolution in f32; pairs are `[rows, columns]`.
#[derive(Clone, Debug, PartialEq)]
pub struct DepthwiseConv2d {
    /// From an output pixel to the next, in input pixels.
    pub stride: [usize; 2],
    /// From a tap to the next, in input pixels.
    pub dilation: [usize; 2],
    /// What lies around the image.
    pub padding: Padding,
}

impl DepthwiseConv2d {
    /// The window over an image, of shapes `[n, h, w, ic]` and `[kh, kw, ic, multiplier]`.
    pub fn geometry(&self, x: &[usize], w: &[usize]) -> Result<Geometry, Reason> {
        let [_, height, width, channels] = check::ranked(x, "an image")?;
        let [kernel_h, kernel_w, input, _] = check::ranked(w, "weights")?;
        if input != channels {
            let found = format!("weights of shape {w:?} for an image of {channels} channels");
            return Err(Reason::new(found).supported(format!("{channels} input channels")));
        }
        Geometry::new([height, width], [kernel_h, kernel_w], self.stride, self.dilation, self.padding)
    }
    /// Shapes as the kernel takes them; the output is bounded in size.
    pub fn params(&self, x: &[usize], w: &[usize]) -> Result<dwconv::Params, Reason> {
        let Geometry { output: [height, width], window, .. } = self.geometry(x, w)?;
        let (x, [.., multiplier]) = (check::place(x)?, check::ranked::<4>(w, "weights")?);
        let channels = elements(&[x.channels, multiplier])?;
        Ok(dwconv::Params { x, y: check::place(&[x.batch, height, width, channels])?, window })
    }
}

impl Operation for DepthwiseConv2d {
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
        "DepthwiseConv2dNative"
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
        product::dwconv(&params, x.f32(0)?, x.f32(1)?, &mut y);
        Ok(vec![Tensor::f32(vec![at.batch, at.height, at.width, at.channels], y)?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let params = self.params(&site.x[0].shape, &site.x[1].shape)?;
        let (x, w, y) = (site.x(0)?, site.x_dense(1)?, site.y(0)?);
        let params = dwconv::Params { x: x.place, y: y.place, ..params };
        site.call(Call::new("float::dwconv::DwConv", &params).read("x", x).read("w", w).write("y", y));
        Ok(())
    }
    fn macs(&self, x: &[Fact], _: &[Fact]) -> u64 {
        let [x, w] = x else { return 0 };
        let (Ok(geometry), [batch, ..], [.., ic, q]) = (self.geometry(&x.shape, &w.shape), &x.shape[..], &w.shape[..])
        else {
            return 0;
        };
        [*batch, *ic, *q].iter().fold(geometry.taps(), |macs, &n| macs.saturating_mul(n as u64))
    }
}
