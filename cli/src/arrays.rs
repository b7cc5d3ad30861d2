//! `.npy` files as tensors of the graph's types, and back: quint8 is NumPy's u8, qint8 its i8, qint32 its i32.
use crate::files;
use bakelite::array::{Array, Elements};
use bakelite::npy;
use bakelite_codegen::error::{Problems, Reason};
use bakelite_codegen::tensor::{Data, DataType, Tensor, name};
use std::path::Path;

/// Reads a file whose tensor is to have the given type.
pub(crate) fn read(path: &Path, dtype: DataType) -> Result<Tensor, Problems> {
    let array = npy::parse(&files::read(path)?).map_err(|e| {
        Problems::file(files::reason(path, e).help("write it with numpy.save(\"FILE.npy\", x)"))
    })?;
    tensor(array, dtype).map_err(|reason| {
        Problems::file(Reason { found: format!("{}: {}", path.display(), reason.found), ..reason })
    })
}

/// The tensor of an array, if its elements are those of the type.
pub(crate) fn tensor(array: Array, dtype: DataType) -> Result<Tensor, Reason> {
    use DataType::*;
    let data = match (array.elements, dtype) {
        (Elements::F32(v), DtFloat) => Data::F32(v),
        (Elements::U8(v), DtUint8 | DtQuint8) => Data::U8(v),
        (Elements::I8(v), DtInt8 | DtQint8) => Data::I8(v),
        (Elements::I32(v), DtInt32 | DtQint32) => Data::I32(v),
        (Elements::I64(v), DtInt64) => Data::I64(v),
        (Elements::Bool(v), DtBool) => Data::Bool(v),
        (elements, _) => {
            let found = format!("{} elements for a {} tensor", elements.dtype(), name(dtype));
            return Err(Reason::new(found).supported(match numpy(dtype) {
                Some(numpy) => format!("an array of {numpy}"),
                None => "float, int8, uint8, int32, int64, bool and quantized tensors".to_owned(),
            }));
        }
    };
    Tensor::new(dtype, array.shape, data)
}

/// NumPy's name of the elements that a tensor of this type has in a file.
fn numpy(dtype: DataType) -> Option<&'static str> {
    use DataType::*;
    Some(match dtype {
        DtFloat => "float32",
        DtUint8 | DtQuint8 => "uint8",
        DtInt8 | DtQint8 => "int8",
        DtInt32 | DtQint32 => "int32",
        DtInt64 => "int64",
        DtBool => "bool",
        _ => return None,
    })
}

/// The bytes of the `.npy` file of a tensor.
pub(crate) fn write(tensor: &Tensor) -> Result<Vec<u8>, Reason> {
    use bakelite::TensorRef;
    let x = match &tensor.data {
        Data::F32(v) => TensorRef::F32(v),
        Data::U8(v) => TensorRef::U8(v),
        Data::I8(v) => TensorRef::I8(v),
        Data::I32(v) => TensorRef::I32(v),
        Data::I64(v) => TensorRef::I64(v),
        Data::Bool(v) => TensorRef::Bool(v),
        _ => {
            return Err(Reason::new(format!("a {tensor} cannot be written as .npy"))
                .supported("float, int8, uint8, int32, int64, bool and quantized tensors"));
        }
    };
    Ok(npy::write(x, &tensor.shape))
}
