//! The setters of structs of options: `with_FIELD` for each field that is named.
//!
//! It imports nothing. Invariant: all structs of options are `#[non_exhaustive]`, so that they can get further fields,
//! and are set in this way.

/// Adds a method `with_FIELD` for each field. `into` before the type lets the method take anything that converts to it.
macro_rules! setters {
    ($options:ty { $($with:ident = $field:ident: $($value:ident)+ $(<$($of:ty),+>)?,)+ }) => {
        impl $options {$(
            #[doc = concat!("The same with this [`", stringify!($field), "`](Self::", stringify!($field), ").")]
            #[must_use]
            pub fn $with(mut self, $field: setters!(@type $($value)+ $(<$($of),+>)?)) -> Self {
                self.$field = setters!(@value $field $($value)+);
                self
            }
        )+}
    };
    (@type into $($value:tt)+) => { impl Into<$($value)+> };
    (@type $($value:tt)+) => { $($value)+ };
    (@value $field:ident into $($value:tt)+) => { $field.into() };
    (@value $field:ident $($value:tt)+) => { $field };
}

pub(crate) use setters;
