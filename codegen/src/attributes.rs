//! A node's attributes, read and written by name with the op's types.
//!
//! An attribute that is absent takes the default of TensorFlow's registry, which the op names (`_or`); one that is
//! there with another type than the op's is an error that says both.
use crate::error::Reason;
use crate::tensor::{Tensor, name as type_name};
use crate::wire::{
    AttrValue, DataType, TensorShapeProto,
    attr_value::{ListValue, Value},
    tensor_shape_proto::Dim,
};
use std::collections::BTreeMap;

/// The attributes of one node, for reading.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    op: &'a str,
    attr: &'a BTreeMap<String, AttrValue>,
}

/// What each reader does: find the attribute, take the wanted variant, or say what is there.
macro_rules! readers {
    ($($(#[$doc:meta])* $get:ident, $get_or:ident: $variant:pat => $value:expr, $out:ty, $what:literal;)*) => {$(
        $(#[$doc])*
        pub fn $get(&self, name: &str) -> Result<$out, Reason> {
            self.optional(name, $what, |v| match v { $variant => $value, _ => None })?
                .ok_or_else(|| self.missing(name, $what))
        }
        #[doc = concat!("[`Self::", stringify!($get), "`], or the default where the attribute is absent.")]
        pub fn $get_or(&self, name: &str, default: $out) -> Result<$out, Reason> {
            Ok(self.optional(name, $what, |v| match v { $variant => $value, _ => None })?.unwrap_or(default))
        }
    )*};
}

impl<'a> Attributes<'a> {
    /// The attributes of a node of `op`.
    pub fn new(op: &'a str, attr: &'a BTreeMap<String, AttrValue>) -> Self {
        Self { op, attr }
    }
    /// The TensorFlow name of the op, for operations that implement several.
    pub fn op(&self) -> &'a str {
        self.op
    }
    readers! {
        /// A type.
        dtype, dtype_or: Value::Type(t) => DataType::try_from(*t).ok(), DataType, "a type";
        /// An integer.
        int, int_or: Value::I(i) => Some(*i), i64, "an integer";
        /// A float.
        float, float_or: Value::F(f) => Some(*f), f32, "a float";
        /// A boolean.
        bool, bool_or: Value::B(b) => Some(*b), bool, "a boolean";
        /// A string.
        string, string_or: Value::S(s) => String::from_utf8(s.clone()).ok(), String, "a string";
        /// A list of integers.
        ints, ints_or: Value::List(l) => Some(l.i.clone()), Vec<i64>, "a list of integers";
        /// A list of strings.
        strings, strings_or: Value::List(l) => l.s.iter().map(|s| String::from_utf8(s.clone()).ok()).collect(), Vec<String>, "a list of strings";
        /// A list of types.
        dtypes, dtypes_or: Value::List(l) => l.r#type.iter().map(|&t| DataType::try_from(t).ok()).collect(), Vec<DataType>, "a list of types";
        /// A shape: `None` of unknown rank, -1 an unknown dimension.
        shape, shape_or: Value::Shape(s) => Some((!s.unknown_rank).then(|| s.dim.iter().map(|d| d.size).collect())), Option<Vec<i64>>, "a shape";
    }
    /// A tensor; see [`crate::graphdef::tensor`] for its encodings.
    pub fn tensor(&self, name: &str) -> Result<Tensor, Reason> {
        match self.attr.get(name).and_then(|a| a.value.as_ref()) {
            Some(Value::Tensor(t)) => crate::graphdef::tensor(t),
            _ => Err(self.missing(name, "a tensor")),
        }
    }
    /// All attributes as they are, for a node that is only carried along.
    pub fn raw(&self) -> BTreeMap<String, AttrValue> {
        self.attr.clone()
    }
    /// Two window numbers of a four-number NHWC list such as `strides`; the batch and channel entries must be 1.
    pub fn hw(&self, name: &str, default: Option<[usize; 2]>) -> Result<[usize; 2], Reason> {
        let list = match default {
            Some([h, w]) => self.ints_or(name, vec![1, h as i64, w as i64, 1])?,
            None => self.ints(name)?,
        };
        let small = |&v: &i64| (1..=1 << 20).contains(&v);
        match list[..] {
            [1, h, w, 1] if small(&h) && small(&w) => Ok([h as usize, w as usize]),
            [] if default.is_some() => Ok(default.unwrap_or_default()),
            _ => Err(Reason::new(format!("{name} {list:?}"))
                .supported("[1, height, width, 1] with positive numbers")),
        }
    }
    /// Refuses any value of a string attribute but one (`data_format` NHWC).
    pub fn only(&self, name: &str, supported: &str, help: &str) -> Result<(), Reason> {
        let found = self.string_or(name, supported.to_owned())?;
        if found == supported {
            return Ok(());
        }
        Err(Reason::new(format!("{name} {found:?}")).supported(format!("{supported:?}")).help(help))
    }
    fn optional<T>(
        &self,
        name: &str,
        what: &str,
        take: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, Reason> {
        match self.attr.get(name).and_then(|a| a.value.as_ref()) {
            None => Ok(None),
            Some(value) => take(value)
                .map(Some)
                .ok_or_else(|| Reason::new(format!("attribute {name} is {}", kind(value))).supported(what)),
        }
    }
    fn missing(&self, name: &str, what: &str) -> Reason {
        Reason::new(format!("attribute {name} is missing")).supported(what).help(
            "the file is damaged, or the op is of another version of TensorFlow: export the graph again",
        )
    }
}

/// What kind of value an attribute holds, for messages.
fn kind(value: &Value) -> String {
    match value {
        Value::List(_) => "a list".into(),
        Value::S(s) => format!("the string {:?}", String::from_utf8_lossy(s)),
        Value::I(i) => format!("the integer {i}"),
        Value::F(f) => format!("the float {f}"),
        Value::B(b) => format!("the boolean {b}"),
        Value::Type(t) => match DataType::try_from(*t) {
            Ok(t) => format!("the type {}", type_name(t)),
            Err(_) => format!("the unknown type number {t}"),
        },
        Value::Shape(_) => "a shape".into(),
        Value::Tensor(_) => "a tensor".into(),
        Value::Placeholder(_) => "a placeholder".into(),
        Value::Func(_) => "a function".into(),
    }
}

/// The attributes of one node, for writing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttributeWriter(pub BTreeMap<String, AttrValue>);

impl AttributeWriter {
    fn set(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), AttrValue { value: Some(value) });
    }
    /// Writes a type.
    pub fn dtype(&mut self, name: &str, value: DataType) {
        self.set(name, Value::Type(value as i32));
    }
    /// Writes an integer.
    pub fn int(&mut self, name: &str, value: i64) {
        self.set(name, Value::I(value));
    }
    /// Writes a float.
    pub fn float(&mut self, name: &str, value: f32) {
        self.set(name, Value::F(value));
    }
    /// Writes a boolean.
    pub fn bool(&mut self, name: &str, value: bool) {
        self.set(name, Value::B(value));
    }
    /// Writes a string.
    pub fn string(&mut self, name: &str, value: &str) {
        self.set(name, Value::S(value.as_bytes().to_vec()));
    }
    /// Writes a list of integers.
    pub fn ints(&mut self, name: &str, value: &[i64]) {
        self.set(name, Value::List(ListValue { i: value.to_vec(), ..ListValue::default() }));
    }
    /// Writes a list of strings.
    pub fn strings(&mut self, name: &str, value: &[&str]) {
        let s = value.iter().map(|s| s.as_bytes().to_vec()).collect();
        self.set(name, Value::List(ListValue { s, ..ListValue::default() }));
    }
    /// Writes a list of types.
    pub fn dtypes(&mut self, name: &str, value: &[DataType]) {
        let r#type = value.iter().map(|&t| t as i32).collect();
        self.set(name, Value::List(ListValue { r#type, ..ListValue::default() }));
    }
    /// Writes `[1, height, width, 1]`.
    pub fn hw(&mut self, name: &str, [h, w]: [usize; 2]) {
        self.ints(name, &[1, h as i64, w as i64, 1]);
    }
    /// Writes a shape; `None` is unknown rank, -1 an unknown dimension.
    pub fn shape(&mut self, name: &str, value: Option<&[i64]>) {
        let dim = value.unwrap_or_default().iter().map(|&size| Dim { size, name: String::new() }).collect();
        self.set(name, Value::Shape(TensorShapeProto { dim, unknown_rank: value.is_none() }));
    }
    /// Writes a tensor.
    pub fn tensor(&mut self, name: &str, value: &Tensor) {
        self.set(name, Value::Tensor(crate::graphdef::tensor_proto(value)));
    }
}
