"""Models that keep their weights in other files, in every place where a model can name one."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def external(location: str, name: str = "w") -> TensorProto:
    """A tensor whose bytes lie in another file."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, "offset": "0", "length": "16"}.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


def embedded(name: str = "e") -> TensorProto:
    """A tensor with its bytes in it."""
    return numpy_helper.from_array(np.zeros(4, np.float32), name)


def graph(*initializers: TensorProto, nodes: list[onnx.NodeProto] | None = None) -> onnx.GraphProto:
    """A graph of these initializers and nodes."""
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])
    return helper.make_graph(nodes or [], "g", [value], [value], initializer=list(initializers))


def constant(tensor: TensorProto) -> onnx.NodeProto:
    """A Constant node with the tensor in its attribute."""
    return helper.make_node("Constant", [], ["c"], value=tensor)


def sparse(location: str) -> onnx.SparseTensorProto:
    """A sparse tensor with its values in another file."""
    return onnx.SparseTensorProto(values=external(location), indices=embedded(), dims=[4])


def in_initializer(location: str) -> onnx.ModelProto:
    """Where exporters put it."""
    return helper.make_model(graph(embedded(), external(location)))


def in_sparse_initializer(location: str) -> onnx.ModelProto:
    """In the values of a sparse initializer."""
    model = helper.make_model(graph())
    model.graph.sparse_initializer.append(sparse(location))
    return model


def in_constant(location: str) -> onnx.ModelProto:
    """In an attribute of a node."""
    return helper.make_model(graph(nodes=[constant(external(location))]))


def in_sparse_constant(location: str) -> onnx.ModelProto:
    """In a sparse attribute of a node."""
    node = helper.make_node("Constant", [], ["c"], sparse_value=sparse(location))
    return helper.make_model(graph(nodes=[node]))


def in_tensor_list(location: str) -> onnx.ModelProto:
    """In an attribute that is a list of tensors."""
    node = helper.make_node("Custom", [], ["c"], tensors=[embedded(), external(location)])
    return helper.make_model(graph(nodes=[node]))


def in_subgraph(location: str) -> onnx.ModelProto:
    """In a branch of an If, in a Loop."""
    inner = graph(external(location))
    branch = helper.make_node("If", ["cond"], ["y"], then_branch=inner, else_branch=graph())
    loop = helper.make_node("Loop", ["n", "cond"], ["z"], body=graph(nodes=[branch]))
    return helper.make_model(graph(nodes=[loop]))


def in_function(location: str) -> onnx.ModelProto:
    """In the body of a model-local function."""
    opset = [helper.make_opsetid("", 20)]
    function = helper.make_function("local", "f", ["x"], ["c"], [constant(external(location))], opset)
    return helper.make_model(graph(), functions=[function])


def in_function_default(location: str) -> onnx.ModelProto:
    """In the default of a function's attribute."""
    model = in_function("unused")
    del model.functions[0].node[:]
    model.functions[0].attribute_proto.append(helper.make_attribute("a", external(location)))
    return model


def in_training_info(location: str) -> onnx.ModelProto:
    """In the graph of a training algorithm."""
    model = helper.make_model(graph())
    model.training_info.add().algorithm.CopyFrom(graph(external(location)))
    return model


PLACES = [
    in_initializer,
    in_sparse_initializer,
    in_constant,
    in_sparse_constant,
    in_tensor_list,
    in_subgraph,
    in_function,
    in_function_default,
    in_training_info,
]
