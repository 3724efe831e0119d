//! The model under training: its variables, and one step along their gradient.

use std::collections::HashMap;

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::VarBuilder;
use pointsman_classifier::{DIFFICULTY_HEAD, EncoderConfig, Engine, Model, TASK_HEAD, TokenBatch, TokenIds};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::adamw::{self, Parameter};
use crate::backbone::Backbone;
use crate::error::TrainError;
use crate::loss::Targets;
use crate::recipe::FitRecipe;
use crate::scores::Output;

/// A model whose weights are variables.
pub(crate) struct Network {
    model: Model,
    parameters: Vec<Parameter>,
    /// Weights that stay as they are.
    frozen: HashMap<String, Tensor>,
    recipe: FitRecipe,
    steps: usize,
    device: Device,
}

impl Network {
    /// The backbone with fresh heads for `tasks` labels. A difficulty head that comes with the backbone is taken over.
    pub(crate) fn new(
        backbone: &Backbone,
        tasks: usize,
        recipe: &FitRecipe,
        seed: u64,
        device: &Device,
        engine: Engine,
    ) -> Result<Self, TrainError> {
        let config = backbone.config;
        let mut tensors: HashMap<String, Tensor> = HashMap::new();
        let (mut parameters, mut frozen) = (Vec::new(), HashMap::new());
        let mut weights: Vec<(String, Tensor)> =
            backbone.tensors.iter().map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
        let layers = &backbone.difficulty_layers;
        let fresh = heads(tasks, config.hidden, layers.len() * config.hidden, seed)?;
        weights.extend(fresh.into_iter().filter(|(name, _)| !backbone.tensors.contains_key(name)));
        weights.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, tensor) in weights {
            let tensor = tensor.to_device(device)?;
            let stays = recipe.freeze.iter().any(|prefix| name.starts_with(prefix.as_str()))
                || recipe.frozen && backbone.tensors.contains_key(&name);
            if stays {
                tensors.insert(name.clone(), tensor.clone());
                frozen.insert(name, tensor);
            } else {
                let var = Var::from_tensor(&tensor)?;
                tensors.insert(name.clone(), var.as_tensor().clone());
                let rate = learning_rate(&name, &config, recipe);
                parameters.push(Parameter::new(name, var, rate, recipe.weight_decay));
            }
        }
        let vb = VarBuilder::from_tensors(tensors, DType::F32, device);
        let model = Model::with_engine(&config, tasks, layers, engine, &vb)?;
        let (recipe, device) = (recipe.clone(), device.clone());
        Ok(Self { model, parameters, frozen, recipe, steps: 0, device })
    }

    /// One step at `rate` times the learning rates; returns the loss before it. `seed` decides the dropout.
    pub(crate) fn step(
        &mut self,
        rows: &[TokenIds],
        targets: &Targets,
        rate: f64,
        seed: u64,
    ) -> Result<f32, TrainError> {
        let pooled = self.model.embed(&TokenBatch::new(rows, &self.device)?)?;
        self.step_from(&pooled, targets, rate, seed)
    }

    /// As [`Self::step`], from pooled representations (rows, width).
    pub(crate) fn step_from(
        &mut self,
        pooled: &Tensor,
        targets: &Targets,
        rate: f64,
        seed: u64,
    ) -> Result<f32, TrainError> {
        let pooled = (pooled.to_device(&self.device)? * self.dropout(pooled.dim(0)?, seed)?)?;
        let logits = self.model.heads(&pooled)?;
        let loss = targets.loss(&logits.task, &logits.ability, &self.recipe)?;
        let gradients = loss.backward()?;
        self.steps += 1;
        self.descend(&gradients, rate)?;
        Ok(loss.to_scalar()?)
    }

    /// (rows, width): 0 for features that are dropped, `1 / (1 - share)` for the others (Srivastava et al. 2014).
    fn dropout(&self, rows: usize, seed: u64) -> Result<Tensor, TrainError> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let share = self.recipe.dropout;
        let kept = 1.0 / (1.0 - share);
        let width = self.model.width();
        let mask: Vec<f32> =
            (0..rows * width).map(|_| if random.random::<f32>() < share { 0.0 } else { kept }).collect();
        Ok(Tensor::from_vec(mask, (rows, width), &self.device)?)
    }

    fn descend(&mut self, gradients: &GradStore, rate: f64) -> Result<(), TrainError> {
        let scale = adamw::clip(&self.parameters, gradients, self.recipe.clip_norm)?;
        for parameter in &mut self.parameters {
            if let Some(gradient) = gradients.get(parameter.variable()) {
                parameter.step(gradient, rate, scale, self.steps)?;
            }
        }
        Ok(())
    }

    /// Pooled representations of `rows`, in order: (rows, width), on the CPU.
    pub(crate) fn pooled(&self, rows: &[TokenIds]) -> Result<Tensor, TrainError> {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|row| rows[*row].ids.len());
        let width = self.model.width();
        let mut values = vec![0.0; rows.len() * width];
        for chunk in order.chunks(self.recipe.batch) {
            let batch: Vec<TokenIds> = chunk.iter().map(|row| rows[*row].clone()).collect();
            let pooled = self.model.embed(&TokenBatch::new(&batch, &self.device)?)?.detach();
            for (row, pooled) in chunk.iter().zip(pooled.to_vec2::<f32>()?) {
                values[row * width..][..width].copy_from_slice(&pooled);
            }
        }
        Ok(Tensor::from_vec(values, (rows.len(), width), &Device::Cpu)?)
    }

    /// What the heads say of `rows`, in order.
    pub(crate) fn outputs(&self, rows: &[TokenIds]) -> Result<Vec<Output>, TrainError> {
        self.outputs_from(&self.pooled(rows)?)
    }

    /// What the heads say of pooled representations (rows, width), in order.
    pub(crate) fn outputs_from(&self, pooled: &Tensor) -> Result<Vec<Output>, TrainError> {
        if pooled.dim(0)? == 0 {
            return Ok(Vec::new());
        }
        let logits = self.model.heads(&pooled.to_device(&self.device)?)?;
        let (task, ability) = (logits.task.to_vec2::<f32>()?, logits.ability.to_vec1::<f32>()?);
        Ok(task.into_iter().zip(ability).map(|(task, ability)| Output { task, ability }).collect())
    }

    /// Columns of a pooled representation.
    pub(crate) fn width(&self) -> usize {
        self.model.width()
    }

    /// All weights by name.
    pub(crate) fn weights(&self) -> HashMap<String, Tensor> {
        let trained = self.parameters.iter().map(|p| (p.name().to_owned(), p.variable().as_tensor().clone()));
        self.frozen.iter().map(|(name, tensor)| (name.clone(), tensor.clone())).chain(trained).collect()
    }

    /// Puts other values in the place of the weights.
    pub(crate) fn replace(&mut self, weights: &HashMap<String, Tensor>) -> Result<(), TrainError> {
        for parameter in &self.parameters {
            if let Some(tensor) = weights.get(parameter.name()) {
                parameter.variable().set(&tensor.to_device(&self.device)?)?;
            }
        }
        Ok(())
    }

    /// Weights and optimizer state, for a checkpoint.
    pub(crate) fn state(&self) -> Result<HashMap<String, Tensor>, TrainError> {
        let mut state = HashMap::new();
        for parameter in &self.parameters {
            parameter.save(&mut state)?;
        }
        Ok(state)
    }

    /// Takes over what [`Self::state`] gave after `steps` steps.
    pub(crate) fn restore(
        &mut self,
        state: &HashMap<String, Tensor>,
        steps: usize,
    ) -> Result<(), TrainError> {
        for parameter in &mut self.parameters {
            parameter.restore(state)?;
        }
        self.steps = steps;
        Ok(())
    }
}

/// Heads with weights drawn from `N(0, 0.02²)`, BERT's initial range, and zero biases.
fn heads(tasks: usize, hidden: usize, width: usize, seed: u64) -> Result<Vec<(String, Tensor)>, TrainError> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut head = |name: &str, outputs: usize, inputs: usize| -> Result<[(String, Tensor); 2], TrainError> {
        let values: Vec<f32> = (0..outputs * inputs).map(|_| 0.02 * normal(&mut random)).collect();
        let weight = Tensor::from_vec(values, (outputs, inputs), &Device::Cpu)?;
        let bias = Tensor::zeros(outputs, DType::F32, &Device::Cpu)?;
        Ok([(format!("{name}.weight"), weight), (format!("{name}.bias"), bias)])
    };
    let mut tensors = head(TASK_HEAD, tasks, hidden)?.to_vec();
    tensors.extend(head(DIFFICULTY_HEAD, 1, width)?);
    Ok(tensors)
}

/// A standard normal number (Box & Muller 1958).
fn normal(random: &mut ChaCha8Rng) -> f32 {
    let (a, b): (f32, f32) = (1.0 - random.random::<f32>(), random.random());
    (-2.0 * a.ln()).sqrt() * (std::f32::consts::TAU * b).cos()
}

/// The heads' rate, or the encoder's, lower by `layer_decay` for each layer below the top (Howard & Ruder 2018).
fn learning_rate(name: &str, config: &EncoderConfig, recipe: &FitRecipe) -> f64 {
    if name.starts_with(TASK_HEAD) || name.starts_with(DIFFICULTY_HEAD) {
        return recipe.head_learning_rate;
    }
    let layer = name.strip_prefix("encoder.layer.").and_then(|rest| rest.split('.').next()?.parse().ok());
    let below: usize = layer.map_or(config.layers, |layer: usize| config.layers.saturating_sub(layer + 1));
    recipe.learning_rate * recipe.layer_decay.powi(i32::try_from(below).unwrap_or(i32::MAX))
}
