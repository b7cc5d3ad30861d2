//! A convolution of 3x3 taps by Winograd's F(4x4, 3x3), where that is predicted to be faster: three layers for one.
//!
//! ```text
//! weights --Filter--> U --.
//! x       --Input---> V --+--Product--> y
//! ```
//!
//! That no sum leaves the bits which remain of it is proved from the weights, or the convolution stays direct.
use crate::cost::{self, CORES, Tiled, Work};
use crate::error::Reason;
use crate::lower::product::Operands;
use crate::lower::{Call, Element, Field, Literal, Operand, Site};
use bakelite_kernels::{PerChannel, conv, pack, winograd};

/// The work, if it is less than that of the best tile on AVX-512 VNNI.
pub(super) fn wins<E>(params: &conv::Params<E>, tile: Tiled, weights: &[i8]) -> Option<cost::Winograd> {
    if !winograd::fits(params) {
        return None;
    }
    let work = cost::Winograd::new(params, tile.shape.sum);
    let wins = work.whole(&CORES[0]) < tile.fastest().cycles(&CORES[0]);
    (wins && winograd::sums_fit(weights, params.y.channels)).then_some(work)
}

impl Site<'_, '_> {
    /// Appends the three layers.
    pub(super) fn winograd<E: Literal>(
        &mut self,
        params: &conv::Params<E>,
        work: cost::Winograd,
        weights: &[i8],
        per_channel: PerChannel<'_>,
        o: Operands,
    ) -> Result<(), Reason> {
        let image = self.pack(params.packed_bytes(), |image| params.pack(weights, per_channel, image));
        let filter = winograd::FilterParams { channels: work.channels, y: winograd::filter_place(params) };
        let u = self.transformed(filter.y);
        let call = Call::new("winograd::Filter", &filter).id("winograd-filter");
        self.prepare("Winograd's weights", call.field("weights", Field::Weights(image)).write("y", u));

        let (extent, pad) = ([params.y.height, params.y.width], params.window.pad);
        let input = winograd::InputParams { x: params.x, y: winograd::input_place(params), extent, pad };
        let v = self.transformed(input.y);
        let call = Call::new("winograd::Input", &input).id("winograd-input").work(Work::WinogradInput(work));
        self.prepare("Winograd's input", call.read("x", o.x).write("y", v));

        let widths =
            pack::groups(params.y.channels.next_multiple_of(16), 4).fold(0, |all, group| all | group.vectors);
        let call =
            Call::new("winograd::Product", params).forms(widths).id(work.id()).work(Work::Winograd(work));
        let call = call.field("weights", Field::Weights(image)).read("filter", u);
        self.call(o.reading(v).bind(call));
        Ok(())
    }

    /// Memory for transformed values.
    fn transformed(&mut self, place: bakelite_kernels::Place) -> Operand {
        self.scratch(Element::I32, [place.batch, place.height, place.width, place.channels])
    }
}
