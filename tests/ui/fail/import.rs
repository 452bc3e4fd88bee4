mod missing {
    conduit::import!("import/missing.json");
}

mod no_json {
    conduit::import!("import/no_json.json");
}

mod other_kind {
    conduit::import!("import/other_kind.json");
}

mod whole_answer {
    conduit::import!("import/whole_answer.json");
}

mod external {
    conduit::import!("import/external.json");
}

mod nowhere {
    conduit::import!("import/nowhere.json");
}

mod no_schema {
    conduit::import!("import/no_schema.json");
}

mod nothing {
    conduit::import!();
}

mod not_a_path {
    conduit::import!(api);
}

mod unknown_option {
    conduit::import!("import/nowhere.json", visibility = "pub");
}

mod relative_path {
    conduit::import!("import/nowhere.json", crate = conduit);
}

fn main() {}
