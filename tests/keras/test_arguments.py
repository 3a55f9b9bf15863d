"""Names, order and defaults of arguments: those of Keras 3."""

from __future__ import annotations

import inspect

import pytest

from nbdl import keras

NONE = inspect.Parameter.empty

ARGUMENTS = {
    "layers.Dense": "units, activation=None, use_bias=True, kernel_initializer='glorot_uniform', "
    "bias_initializer='zeros'",
    "layers.Conv2D": "filters, kernel_size, strides=1, padding='valid', data_format=None, "
    "dilation_rate=1, groups=1, activation=None, use_bias=True, "
    "kernel_initializer='glorot_uniform', bias_initializer='zeros'",
    "layers.Conv1D": "filters, kernel_size, strides=1, padding='valid', data_format=None, "
    "dilation_rate=1, groups=1, activation=None, use_bias=True, "
    "kernel_initializer='glorot_uniform', bias_initializer='zeros'",
    "layers.MaxPooling2D": "pool_size=2, strides=None, padding='valid', data_format=None",
    "layers.MaxPooling1D": "pool_size=2, strides=None, padding='valid', data_format=None",
    "layers.GlobalAveragePooling2D": "data_format=None, keepdims=False",
    "layers.Flatten": "data_format=None",
    "layers.Dropout": "rate, noise_shape=None, seed=None",
    "layers.Activation": "activation",
    "layers.Reshape": "target_shape",
    "layers.BatchNormalization": "axis=-1, momentum=0.99, epsilon=0.001, center=True, scale=True, "
    "beta_initializer='zeros', gamma_initializer='ones', moving_mean_initializer='zeros', "
    "moving_variance_initializer='ones'",
    "layers.LayerNormalization": "axis=-1, epsilon=0.001, center=True, scale=True, "
    "beta_initializer='zeros', gamma_initializer='ones'",
    "layers.Embedding": "input_dim, output_dim, embeddings_initializer='uniform', mask_zero=False, "
    "weights=None",
    "layers.LSTM": "units, activation='tanh', recurrent_activation='sigmoid', use_bias=True, "
    "unit_forget_bias=True",
    "layers.GRU": "units, activation='tanh', recurrent_activation='sigmoid', use_bias=True, "
    "reset_after=True",
    "layers.SimpleRNN": "units, activation='tanh', use_bias=True, "
    "kernel_initializer='glorot_uniform', recurrent_initializer='orthogonal', "
    "bias_initializer='zeros', dropout=0.0, recurrent_dropout=0.0, return_sequences=False, "
    "return_state=False, go_backwards=False",
    "layers.Bidirectional": "layer, merge_mode='concat', backward_layer=None",
    "layers.ReLU": "max_value=None, negative_slope=0.0, threshold=0.0",
    "layers.LeakyReLU": "negative_slope=0.3",
    "layers.Softmax": "axis=-1",
    "optimizers.SGD": "learning_rate=0.01, momentum=0.0, nesterov=False",
    "optimizers.Adam": "learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07, "
    "amsgrad=False",
    "optimizers.AdamW": "learning_rate=0.001, weight_decay=0.004, beta_1=0.9, beta_2=0.999, "
    "epsilon=1e-07, amsgrad=False",
    "optimizers.RMSprop": "learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-07, "
    "centered=False",
    "optimizers.Adagrad": "learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-07",
    "optimizers.Lion": "learning_rate=0.001, beta_1=0.9, beta_2=0.99",
    "callbacks.EarlyStopping": "monitor='val_loss', min_delta=0, patience=0, verbose=0, "
    "mode='auto', baseline=None, restore_best_weights=False, start_from_epoch=0",
    "callbacks.ReduceLROnPlateau": "monitor='val_loss', factor=0.1, patience=10, verbose=0, "
    "mode='auto', min_delta=0.0001, cooldown=0, min_lr=0.0",
    "callbacks.ModelCheckpoint": "filepath, monitor='val_loss', verbose=0, save_best_only=False, "
    "save_weights_only=False, mode='auto', save_freq='epoch', initial_value_threshold=None",
    "callbacks.LearningRateScheduler": "schedule, verbose=0",
    "callbacks.CSVLogger": "filename, separator=',', append=False",
    "Model.fit": "x=None, y=None, batch_size=None, epochs=1, verbose='auto', callbacks=None, "
    "validation_split=0.0, validation_data=None, shuffle=True, class_weight=None, "
    "sample_weight=None, initial_epoch=0, steps_per_epoch=None, validation_steps=None, "
    "validation_batch_size=None, validation_freq=1",
    "Model.evaluate": "x=None, y=None, batch_size=None, verbose='auto', sample_weight=None, "
    "steps=None, callbacks=None, return_dict=False",
    "Model.predict": "x, batch_size=None, verbose='auto', steps=None, callbacks=None",
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments_are_kerass(name):
    found = keras
    for part in name.split("."):
        found = getattr(found, part)
    parameters = [
        p
        for p in inspect.signature(found).parameters.values()
        if p.name != "self" and p.kind is not p.VAR_KEYWORD
    ]
    words = [p.name if p.default is NONE else f"{p.name}={p.default!r}" for p in parameters]
    if name == "layers.Embedding":  # Keras 2's word is still taken
        assert words.pop() == "input_length=None"
    if name == "Model.fit":  # nbdl's own
        assert words[-3:] == ["checkpoint=True", "resume=None", "wait=True"]
        del words[-3:]
    assert ", ".join(words) == ARGUMENTS[name]


def test_recurrent_layers_take_the_arguments_they_share():
    layer = keras.layers.LSTM(
        3, dropout=0.1, recurrent_dropout=0.2, return_sequences=True, kernel_initializer="zeros",
        recurrent_initializer="glorot_uniform", bias_initializer="ones", go_backwards=True,
    )  # fmt: skip
    assert (layer.dropout, layer.recurrent_dropout, layer.go_backwards) == (0.1, 0.2, True)


def test_all_layers_take_a_name_a_dtype_and_the_shape_of_the_first():
    layer = keras.layers.Dense(2, name="first", trainable=False, dtype="float64", input_shape=(3,))
    model = keras.Sequential([layer])
    assert layer.name == "first"
    assert [w.dtype.name for w in model.weights] == ["float64", "float64"]
    assert not model.trainable_weights
    assert keras.Sequential([keras.layers.Dense(2, input_dim=3)]).input_shape == (None, 3)
