"""Module: a model or a part of one, made of parameters, buffers and other modules."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from nbdl import dtypes
from nbdl.backends import Device
from nbdl.core import modes
from nbdl.core.lines import user_line
from nbdl.core.modes import Scope
from nbdl.core.tape import RemovableHook
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, NbdlError
from nbdl.nn import hidden, hooks, state
from nbdl.nn.members import Members
from nbdl.nn.parameter import Buffer, Parameter, Unsized

M = TypeVar("M", bound="Module")
_frame = sys._getframe
_new_scope = tuple.__new__


def _no_forward(self: Module, *args: Any, **kwargs: Any) -> Any:
    raise ArgumentError(
        f"{type(self).__name__} has no forward method",
        hint="define forward(self, x) in the class (check its spelling and indentation)",
    )


def _is_new(y: Tensor, args: tuple[Any, ...]) -> bool:
    """Whether a layer made ``y`` itself: no layer inside it did, and it was not handed through."""
    return not hasattr(y, "made") and not any(y is x for x in args)


class Module:
    """Base of all layers and models.

    A subclass assigns parameters and other modules to attributes in ``__init__`` and defines
    ``forward``; the instance is then called like a function.

    Example:
        >>> import nbdl
        >>> from nbdl import nn
        >>> class Scale(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.factor = nn.Parameter(nbdl.ones(3))
        ...     def forward(self, x):
        ...         return x * self.factor
        >>> Scale()(nbdl.ones((2, 3))).shape
        (2, 3)

    Attributes:
        training: True in training mode (``train()``), False in evaluation mode (``eval()``).
    """

    # Everything is an ordinary attribute: parameters, buffers and children lie in __dict__ in
    # the order they were assigned, so reading ``self.weight`` costs what any attribute costs.
    # Instance values shadow these defaults, so a forgotten super().__init__() does no harm.
    training: bool = True
    forward: Callable[..., Any] = _no_forward
    _name: str = ""
    _source: tuple[str, int] | None = None
    _buffer_names: Mapping[str, bool] = {}  # name -> whether it is part of the state dict
    _hooks: Mapping[str, dict[int, Any]] = {}
    _ready: bool = False  # built, looked at, and without hooks: forward may be called at once
    _looked: bool = False
    _prefixes_children: bool = False  # a list or dict of layers is never called itself

    def __new__(cls: type[M], *args: Any, **kwargs: Any) -> M:
        self = object.__new__(cls)
        self.__dict__["_source"] = user_line()
        return self

    def __init__(self) -> None:
        """Nothing to prepare; here so that ``super().__init__()`` reads as in PyTorch."""

    # ----- calling ------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the hooks and ``forward``; an error on the way learns this layer's name."""
        mode = modes.local.state
        outer, caller = mode.scope, _frame(1)
        mode.scope = scope = _new_scope(Scope, (outer, self, caller.f_code, caller.f_lasti))
        try:
            if self._ready:
                y = self.forward(*args, **kwargs)
            else:
                y = self._prepared_call(args, kwargs)
            if type(y) is Tensor and y.node is None and _is_new(y, args):
                y.made = scope
            return y
        except NbdlError as error:
            if error.layer is None:
                error.layer = f"{mode.scope.path()} ({type(self).__name__})".lstrip()
                if error.source is None:
                    error.source = self._source
            raise
        finally:
            mode.scope = outer

    def _prepared_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not self._looked:
            self.__dict__["_looked"] = True
            hidden.warn_of_hidden_layers(self)
        if any(self._hooks.values()):
            return hooks.call(self, args, kwargs)
        self.__dict__["_ready"] = True
        return self.forward(*args, **kwargs)

    # ----- registration -------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        members = self.__dict__
        before = members.get(name)
        if isinstance(before, (Parameter, Module)) or name in self._buffer_names:
            self._check_replacement(name, before, value)
        if isinstance(value, Buffer) and name not in self._buffer_names:
            members.pop(name, None)
            self.register_buffer(name, value, value.persistent)
            return
        object.__setattr__(self, name, value)  # which also finds the setters of properties
        if isinstance(value, Module):
            value._set_name(f"{self._child_prefix()}{name}")

    def _check_replacement(self, name: str, before: Any, value: Any) -> None:
        kind: type | tuple[type, ...]
        if name in self._buffer_names:
            kind, what = Tensor, "buffer"
        elif isinstance(before, Parameter):
            kind, what = Parameter, "parameter"
        else:
            kind, what = Module, "layer"
        if value is not None and not isinstance(value, (kind, Unsized)):
            raise ArgumentError(
                f"{type(self).__name__}.{name} is a {what} and cannot become a "
                f"{type(value).__name__}",
                hint=f"assign a {kind.__name__} or None; del it first to use the name for "
                "something else"
                + (f"; self.{name}.data = x sets its value" if what == "parameter" else ""),
            )

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        if name in self._buffer_names:
            self.__dict__["_buffer_names"] = {
                k: v for k, v in self._buffer_names.items() if k != name
            }

    def _child_prefix(self) -> str:
        return f"{self._name}." if self._prefixes_children and self._name else ""

    def _set_name(self, name: str) -> None:
        """Take ``name``; the layers of a list or dict of layers carry its name before theirs."""
        self.__dict__["_name"] = name
        if self._prefixes_children:
            for key, child in self.named_children():
                child._set_name(f"{name}.{key}")

    def _check_name(self, name: Any, known: Any) -> None:
        if not isinstance(name, str) or not name or "." in name:
            raise ArgumentError(
                f"a layer, parameter or buffer cannot be named {name!r}",
                hint="a text that is not empty and has no dot",
            )
        if name not in known and (name in self.__dict__ or hasattr(type(self), name)):
            raise ArgumentError(f"{type(self).__name__} already has an attribute {name!r}")

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter (or None, which keeps the name for later)."""
        self._check_name(name, self._parameters)
        if param is not None and not isinstance(param, Parameter):
            raise ArgumentError(
                f"parameter {name!r} must be a Parameter or None, got {type(param).__name__}",
                hint="nn.Parameter(tensor)",
            )
        setattr(self, name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is not trained: it moves with the module.

        Args:
            name: the attribute's name.
            tensor: its value, or None.
            persistent: whether it is part of the state dict (default).
        """
        self._check_name(name, self._buffer_names)
        if tensor is not None and not isinstance(tensor, (Tensor, Unsized)):
            raise ArgumentError(
                f"buffer {name!r} must be a Tensor or None, got {type(tensor).__name__}"
            )
        self.__dict__["_buffer_names"] = {**self._buffer_names, name: persistent}
        self.__dict__[name] = tensor

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child under ``name``, which need not be a Python identifier."""
        self._check_name(name, self._modules)
        if module is not None and not isinstance(module, Module):
            raise ArgumentError(
                f"layer {name!r} must be a Module, got {type(module).__name__}",
                hint="did you forget to call its class, as in ReLU() instead of ReLU?",
            )
        setattr(self, name, module)

    register_module = add_module

    @property
    def _parameters(self) -> dict[str, Any]:
        """The module's own parameters by name."""
        found = {
            k: v
            for k, v in self.__dict__.items()
            if isinstance(v, Parameter) or (type(v) is Unsized and v.kind == "parameter")
        }
        return Members(found, self.register_parameter, self.__delattr__)

    @property
    def _buffers(self) -> dict[str, Any]:
        """The module's own buffers by name."""
        found = {k: self.__dict__[k] for k in self._buffer_names}
        return Members(found, self.register_buffer, self.__delattr__)

    @property
    def _modules(self) -> dict[str, Any]:
        """The module's children by name."""
        found = {k: v for k, v in self.__dict__.items() if isinstance(v, Module)}
        return Members(found, self.add_module, self.__delattr__)

    # ----- walking ------------------------------------------------------------------------

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """``(name, child)``, each child once."""
        seen: set[int] = set()
        for name, child in self._modules.items():
            if id(child) not in seen:
                seen.add(id(child))
                yield name, child

    def children(self) -> Iterator[Module]:
        """The modules directly inside, each once."""
        return (child for _, child in self.named_children())

    def named_modules(
        self, memo: set[int] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """``(path, module)`` of this module (path ``""``) and all inside, depth first."""
        memo = set() if memo is None else memo
        if id(self) in memo:
            return
        if remove_duplicate:
            memo.add(id(self))
        yield prefix, self
        for name, child in self._modules.items():
            path = f"{prefix}.{name}" if prefix else name
            yield from child.named_modules(memo, path, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """This module and all inside, each once."""
        return (module for _, module in self.named_modules())

    def _named_members(
        self, own: Callable[[Module], dict[str, Any]], prefix: str, recurse: bool, once: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        walk = self.named_modules(prefix=prefix, remove_duplicate=once)
        for path, module in walk if recurse else [(prefix, self)]:
            for name, value in own(module).items():
                if value is None or (once and id(value) in seen):
                    continue
                full = f"{path}.{name}" if path else name
                if type(value) is Unsized:
                    raise value.refuse(full)
                seen.add(id(value))
                yield full, value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """``(path, parameter)`` of all parameters, a shared one once.

        Raises ArgumentError at a layer whose sizes are not known yet.
        """
        return self._named_members(lambda m: m._parameters, prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters, a shared one once: what an optimizer takes."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """``(path, buffer)`` of all buffers."""
        return self._named_members(lambda m: m._buffers, prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """All buffers."""
        return (b for _, b in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The module at a path such as ``"features.3"``; raises ArgumentError if none is there."""
        module = self
        for name in target.split(".") if target else ():
            found = module.__dict__.get(name)
            if not isinstance(found, Module):
                raise ArgumentError(
                    f"{type(module).__name__} has no layer {name!r} (asked for {target!r})",
                    hint=f"its layers are {', '.join(module._modules) or 'none'}",
                )
            module = found
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a path such as ``"features.3.weight"``."""
        return self._get_member(target, Parameter, "parameter")

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a path such as ``"bn1.running_mean"``."""
        return self._get_member(target, Tensor, "buffer")

    def _get_member(self, target: str, kind: type, what: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        members = module._parameters if what == "parameter" else module._buffers
        if not isinstance(members.get(name), kind):
            raise ArgumentError(
                f"{type(module).__name__} has no {what} {name!r} (asked for {target!r})",
                hint=f"it has {', '.join(members) or 'none'}",
            )
        return members[name]

    def apply(self: M, fn: Callable[[Module], Any]) -> M:
        """Call ``fn`` on every module inside, then on this one; returns the module."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    # ----- modes --------------------------------------------------------------------------

    def train(self: M, mode: bool = True) -> M:
        """Training mode for this module and all inside: dropout drops, batch norm counts."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: M) -> M:
        """Evaluation mode: ``train(False)``."""
        return self.train(False)

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Train all parameters, or freeze them."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters."""
        for p in self.parameters():
            if set_to_none or p.grad is None:
                p.grad = None
            else:
                p.grad = p.grad.detach() * 0

    # ----- dtype and device ---------------------------------------------------------------

    def to(self: M, *args: Any, dtype: Any = None, device: Any = None) -> M:
        """Move parameters and buffers to a device, or float ones to a float dtype, in place.

        ``model.to("cuda")``, ``model.to(nbdl.float64)``, ``model.to(tensor)`` (both of it).
        """
        for arg in args:
            if isinstance(arg, Tensor):
                dtype, device = arg.dtype, arg.device
            elif isinstance(arg, Device) or (
                isinstance(arg, str) and arg.partition(":")[0] in ("cpu", "cuda", "meta")
            ):
                device = arg
            elif not isinstance(arg, bool):  # PyTorch's non_blocking
                dtype = arg
        wanted = None if dtype is None else dtypes.as_dtype(dtype)
        if wanted is not None and not dtypes.is_differentiable(wanted):
            raise ArgumentError(f"a module cannot be moved to {wanted}, only to float dtypes")
        place = None if device is None else Device(device)
        return self._apply(functools.partial(_moved, dtype=wanted, device=place))

    def _apply(self: M, fn: Callable[[Tensor], Tensor]) -> M:
        """Put ``fn`` of each parameter, its gradient and each buffer in its place."""
        for module in self.modules():
            for tensor in (*module._parameters.values(), *module._buffers.values()):
                if tensor is None or type(tensor) is Unsized:
                    continue
                tensor.data = fn(tensor.detach())
                if tensor.grad is not None:
                    tensor.grad = fn(tensor.grad.detach())
            module._moved_by(fn)
        return self

    def _moved_by(self, fn: Callable[[Tensor], Tensor]) -> None:
        """For layers that keep a dtype or device besides that of their parameters."""

    def float(self: M) -> M:
        """All floats to float32."""
        return self.to(dtypes.float32)

    def double(self: M) -> M:
        """All floats to float64."""
        return self.to(dtypes.float64)

    def half(self: M) -> M:
        """All floats to float16."""
        return self.to(dtypes.float16)

    def bfloat16(self: M) -> M:
        """All floats to bfloat16."""
        return self.to(dtypes.bfloat16)

    def cpu(self: M) -> M:
        """Everything to the CPU."""
        return self.to("cpu")

    def cuda(self: M, index: int = 0) -> M:
        """Everything to GPU number ``index``."""
        return self.to(f"cuda:{index}")

    # ----- state --------------------------------------------------------------------------

    def state_dict(self, *, prefix: str = "", keep_vars: bool = False) -> dict[str, Tensor]:
        """Parameters and persistent buffers by path, as they are now.

        The tensors are snapshots: values are immutable, so later steps do not change them.
        ``keep_vars`` gives the parameters themselves.
        """
        return state.state_dict(self, prefix, keep_vars)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> state.LoadResult:
        """Put the values of ``state_dict`` into parameters and buffers, all or none of them.

        Args:
            state_dict: tensors or arrays by path.
            strict: raise for missing and unexpected names as well as for wrong shapes.
            assign: take over dtypes too, instead of casting to the parameter's.

        Returns:
            ``(missing_keys, unexpected_keys)``.

        Raises:
            ArgumentError: names every mismatch, with both shapes.
        """
        return state.load_state_dict(self, state_dict, strict, assign)

    # ----- hooks --------------------------------------------------------------------------

    def _add_hook(self, kind: str, hook: Any, first: bool = False) -> RemovableHook:
        if kind not in self._hooks:
            self.__dict__["_hooks"] = {**self._hooks, kind: {}}
        self.__dict__["_ready"] = False
        return hooks.added(self._hooks[kind], hook, first)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHook:
        """Call ``hook(module, args, output)`` after forward; it may return another output."""
        return self._add_hook("forward", hooks.Hook(hook, with_kwargs), prepend)

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHook:
        """Call ``hook(module, args)`` before forward; it may return other arguments."""
        return self._add_hook("forward_pre", hooks.Hook(hook, with_kwargs), prepend)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHook:
        """Call ``hook(module, grad_input, grad_output)`` when gradients have passed the module.

        Both are tuples; the hook may return another ``grad_input``.
        """
        return self._add_hook("backward", hooks.Hook(hook), prepend)

    # ----- words --------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """The layer's own settings, for its line in the tree."""
        return ""

    def __repr__(self) -> str:
        settings = self.extra_repr()
        lines = settings.split("\n") if settings else []
        children = [
            f"({name}): " + repr(child).replace("\n", "\n  ")
            for name, child in self._modules.items()
        ]
        title = type(self).__name__
        if not children and len(lines) <= 1:
            return f"{title}({settings})"
        body = "\n  ".join(lines + children)
        return f"{title}(\n  {body}\n)"


def _moved(x: Tensor, dtype: Any, device: Any) -> Tensor:
    """``x`` on ``device``, and as ``dtype`` if it holds floats."""
    if dtype is not None and dtypes.is_differentiable(x.dtype):
        x = x.to(dtype)
    return x if device is None else x.to(device)
