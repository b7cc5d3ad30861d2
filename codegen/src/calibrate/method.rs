//! How a threshold is chosen from what an edge was seen to be.
use std::fmt;
use std::str::FromStr;

/// What decides the `R` beyond which values are clipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// The greatest magnitude of all samples: nothing seen is clipped.
    MinMax,
    /// The moving average, over samples, of each sample's range.
    MovingAverage,
    /// The magnitude that a share of the values do not exceed.
    Percentile,
    /// The least relative entropy between the distribution and its quantized form.
    Kl,
    /// The least expected square of the rounding and clipping error.
    Mse,
    /// Of the others, for each tensor, the one that does the least harm downstream.
    #[default]
    Auto,
}

impl Method {
    /// Those that give a threshold themselves, the one that clips least first.
    pub const PLAIN: [Self; 5] = [Self::MinMax, Self::MovingAverage, Self::Percentile, Self::Kl, Self::Mse];

    /// The name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::MinMax => "minmax",
            Self::MovingAverage => "moving-average",
            Self::Percentile => "percentile",
            Self::Kl => "kl",
            Self::Mse => "mse",
            Self::Auto => "auto",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let all = Self::PLAIN.into_iter().chain([Self::Auto]);
        let names: Vec<_> = all.clone().map(Self::name).collect();
        all.into_iter()
            .find(|m| m.name() == text)
            .ok_or_else(|| format!("expected one of {}", names.join(", ")))
    }
}
