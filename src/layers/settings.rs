//! What builders of layers with a kernel and a bias have in common.

/// The settings of a builder with the fields `kernel` and, if there is to be one, `bias`.
macro_rules! weight_settings {
    ($builder:ident) => {
        impl $builder {
            /// How the kernel's initial values are drawn.
            pub fn init(mut self, init: impl $crate::init::Initializer + 'static) -> Self {
                self.kernel = self.kernel.init(init);
                self
            }

            /// How the bias' initial values are drawn.
            pub fn bias_init(mut self, init: impl $crate::init::Initializer + 'static) -> Self {
                self.bias = self.bias.map(|bias| bias.init(init));
                self
            }

            /// A penalty on the kernel.
            pub fn penalty(mut self, penalty: impl $crate::penalty::Penalty + 'static) -> Self {
                self.kernel = self.kernel.penalty(penalty);
                self
            }

            /// A penalty on the bias.
            pub fn bias_penalty(
                mut self,
                penalty: impl $crate::penalty::Penalty + 'static,
            ) -> Self {
                self.bias = self.bias.map(|bias| bias.penalty(penalty));
                self
            }

            /// A layer without bias.
            pub fn no_bias(mut self) -> Self {
                self.bias = None;
                self
            }
        }
    };
}
pub(super) use weight_settings;
