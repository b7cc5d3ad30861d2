use super::*;
use crate::labels::tests::{found, write};

#[test]
fn classes_outside_the_output_are_named() {
    let names: Vec<String> = (0..3).map(|i| format!("{i}.png")).collect();
    let truth = Truth::Classes(vec![0, 10, -1]);
    assert_eq!(
        found(truth.check(Metric::Top1, 10, &names)),
        ["2 of 3 labels are no class", "1.png: label 10", "2.png: label -1"]
    );
    assert!(truth.check(Metric::Top1, 11, &names[..2]).is_ok());
    assert!(truth.check(Metric::Auc, 1, &names).is_err());
    assert!(truth.check(Metric::Map, 6, &names).is_err());
}

#[test]
fn objects_without_a_file_or_with_a_broken_line_are_named() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.txt", "0 0.5 0.5 1 1\n\n");
    write(folder.path(), "b.txt", "0 0.5 0.5 1 1\n1 2\n");
    write(folder.path(), "e.txt", "");
    let frame = Frame { width: 10.0, height: 10.0 };
    let pictures =
        |names: &[&str]| names.iter().map(|n| PathBuf::from(format!("x/{n}.jpg"))).collect::<Vec<_>>();
    let good = objects(&pictures(&["a", "e"]), folder.path(), 0, frame).unwrap();
    assert_eq!(good, [vec![Object { class: 0, corners: [0.0, 0.0, 10.0, 10.0] }], vec![]]);
    let found = found(objects(&pictures(&["a", "b", "c"]), folder.path(), 0, frame));
    assert!(found[0].ends_with("2 of 3 labels cannot be used"), "{found:?}");
    assert!(found[1].ends_with("b.txt: line 2: \"1 2\""), "{found:?}");
    assert!(found[2].contains("c.txt"), "{found:?}");
}

#[test]
fn arrays_of_classes_and_of_values() {
    use bakelite::TensorRef;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("y.npy");
    let put = |x: TensorRef<'_>, shape: &[usize]| std::fs::write(&path, npy::write(x, shape)).unwrap();
    put(TensorRef::U8(&[0, 1, 1]), &[3, 1]);
    assert!(matches!(array(&path, Metric::Auc, 0), Ok(Truth::Classes(c)) if c == [0, 1, 1]));
    put(TensorRef::F32(&[0.5, 1.0, 2.0, 3.0]), &[2, 2]);
    assert!(matches!(array(&path, Metric::Mse, 0), Ok(Truth::Values(v)) if v == [[0.5, 1.0], [2.0, 3.0]]));
    assert!(array(&path, Metric::Top1, 0).is_err());
    put(TensorRef::F32(&[0.0, 0.5]), &[2]);
    assert_eq!(found(array(&path, Metric::Auc, 0))[1], "row 1: class 0.5");
}
