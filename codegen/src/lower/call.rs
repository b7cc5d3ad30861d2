//! A kernel call: which kernel, its parameters as Rust source, and what its fields are bound to.
//!
//! Every kernel of `bakelite_kernels` is a struct with a field `params: &Params` and slices named for their operands,
//! so one form serves all:
//!
//! ```text
//! Call::new("pool::Max", &params).read("x", x).write("y", y)      becomes
//!     const PARAMS: pool::Params = pool::Params { .. };
//!     isa.run(pool::Max { params: &PARAMS, x, y });
//! ```
use crate::cost::Work;
use crate::lower::{Element, Literal, Operand, Section};
use proc_macro2::TokenStream;
use quote::quote;

/// What a field of a kernel is bound to.
#[derive(Clone, Debug)]
pub enum Field {
    /// A tensor that is read.
    Read(Operand),
    /// A tensor that is written.
    Write(Operand),
    /// `params.weights(section)`: a packed image as the kernel sees it.
    Weights(Section),
    /// The weights of the next product, which is known when all layers are.
    Next,
    /// A constant as a slice of its elements.
    Constant(Section, Element),
    /// An empty slice, where the kernel needs none.
    Empty,
    /// A constant expression.
    Value(TokenStream),
}

/// A kernel and its operands.
#[derive(Clone, Debug)]
pub struct Call {
    /// Module and type, with generic arguments where the fields do not tell them: `conv::Conv::<6, 4, _>`.
    pub kernel: String,
    /// What code the kernel needs, where that is a constant of it; see `conv::Params::forms`.
    pub forms: Option<usize>,
    /// The kernel's id without its ISA, for the reader: `igemm-6x64c4`.
    pub id: String,
    /// Type and value of the constant `PARAMS`.
    pub params: Option<[TokenStream; 2]>,
    /// What its time depends on.
    pub work: Work,
    /// Fields in the order of binding.
    pub fields: Vec<(&'static str, Field)>,
}

impl Call {
    /// A call of `kernel` with its parameters.
    pub fn new(kernel: impl Into<String>, params: &impl Literal) -> Self {
        let kernel = kernel.into();
        let id = kernel.split("::").next().unwrap_or_default().to_owned();
        let params = Some([params.ty(), params.value()]);
        Self { id, kernel, forms: None, params, work: Work::Bytes, fields: vec![] }
    }
    /// A call of a kernel that has no `params`.
    pub fn bare(kernel: impl Into<String>) -> Self {
        let kernel = kernel.into();
        let id = kernel.split("::").next().unwrap_or_default().to_owned();
        Self { id, kernel, forms: None, params: None, work: Work::Bytes, fields: vec![] }
    }
    /// Names the kernel for the reader, where its module does not.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }
    /// Says what code of the kernel it needs.
    #[must_use]
    pub fn forms(mut self, forms: usize) -> Self {
        self.forms = Some(forms);
        self
    }
    /// Says what its time depends on, where that is not its bytes.
    #[must_use]
    pub fn work(mut self, work: Work) -> Self {
        self.work = work;
        self
    }
    /// Binds a field to a tensor that is read.
    #[must_use]
    pub fn read(self, name: &'static str, x: Operand) -> Self {
        self.field(name, Field::Read(x))
    }
    /// Binds a field to a tensor that is written.
    #[must_use]
    pub fn write(self, name: &'static str, y: Operand) -> Self {
        self.field(name, Field::Write(y))
    }
    /// Binds a field to a constant slice.
    #[must_use]
    pub fn constant(self, name: &'static str, section: Section, element: Element) -> Self {
        self.field(name, Field::Constant(section, element))
    }
    /// Binds a field to a value.
    #[must_use]
    pub fn value(self, name: &'static str, value: &impl Literal) -> Self {
        self.field(name, Field::Value(value.value()))
    }
    /// Binds a field to a reference to a value.
    #[must_use]
    pub fn by_ref(self, name: &'static str, value: &impl Literal) -> Self {
        let value = value.value();
        self.field(name, Field::Value(quote!(&#value)))
    }
    /// Binds a field.
    #[must_use]
    pub fn field(mut self, name: &'static str, field: Field) -> Self {
        self.fields.push((name, field));
        self
    }
    /// The tensors that are read.
    pub fn reads(&self) -> impl Iterator<Item = &Operand> {
        self.fields.iter().filter_map(|(_, f)| if let Field::Read(x) = f { Some(x) } else { None })
    }
    /// The tensors that are written.
    pub fn writes(&self) -> impl Iterator<Item = &Operand> {
        self.fields.iter().filter_map(|(_, f)| if let Field::Write(y) = f { Some(y) } else { None })
    }
    /// Bytes of the tensors that are read, and of those that are written.
    pub fn tensor_bytes(&self) -> [usize; 2] {
        let bytes = |o: &Operand| o.elements() * o.element.bytes();
        [self.reads().map(bytes).sum(), self.writes().map(bytes).sum()]
    }
    /// The packed weights.
    pub fn weights(&self) -> Option<&Section> {
        self.fields
            .iter()
            .find_map(|(_, f)| if let Field::Weights(section) = f { Some(section) } else { None })
    }
    /// Bytes of the constants beside the tensors: packed weights, tables, scales.
    pub fn constant_bytes(&self) -> usize {
        let sections = self.fields.iter().filter_map(|(_, f)| match f {
            Field::Weights(section) | Field::Constant(section, _) => Some(section.bytes),
            Field::Read(_) | Field::Write(_) | Field::Next | Field::Empty | Field::Value(_) => None,
        });
        sections.sum()
    }
}
