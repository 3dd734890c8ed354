// Every operator of libtorch through one door: a name, an overload, an array of tagged arguments.
//
// Arguments follow the schema's order; missing ones and those tagged Default take the schema's defaults. Tags are checked against
// the schema, so a wrong call is a readable error and never undefined behaviour.
#include "workbook_torch.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/jit_type.h>

enum Tag : int32_t {
  TagDefault, TagNone, TagTensor, TagInt, TagDouble, TagBool, TagString, TagInts, TagDoubles, TagBools, TagTensors, TagOptionalTensors,
  TagDevice, TagGenerator, TagDtype
};

/// Mirrors LibTorch.NativeArgument.
struct Argument {
  int32_t tag;
  int32_t count;        // of a list; length of a string
  int64_t integer;
  double real;
  const void* pointer;  // a list's elements, a string's bytes, a tensor, a generator
};

/// Mirrors LibTorch.NativeResult. A list of tensors comes as that many results.
struct Result {
  int32_t tag;
  int32_t unused;
  int64_t integer;
  double real;
  TensorHandle tensor;
};

namespace {
using c10::IValue;
using c10::TypeKind;

struct Parameter {
  std::string name;
  TypeKind kind;      // without Optional
  TypeKind element;   // of a list
  bool optional;
  bool optional_elements;
  int32_t fixed;      // int[2]: 2
  bool has_default;
  IValue fallback;
};

struct Operator {
  c10::OperatorHandle handle;
  std::string name;
  std::vector<Parameter> parameters;
};

Parameter describe(const c10::Argument& argument) {
  Parameter p{argument.name(), TypeKind::AnyType, TypeKind::AnyType, false, false, 0, false, {}};
  auto type = argument.real_type();
  if (auto optional = type->cast<c10::OptionalType>()) {
    p.optional = true;
    type = optional->getElementType();
  }
  p.kind = type->kind();
  if (auto list = type->cast<c10::ListType>()) {
    auto element = list->getElementType();
    if (auto optional = element->cast<c10::OptionalType>()) {
      p.optional_elements = true;
      element = optional->getElementType();
    }
    p.element = element->kind();
    if (argument.N()) p.fixed = *argument.N();
  }
  if (argument.default_value()) {
    p.has_default = true;
    p.fallback = *argument.default_value();
  }
  return p;
}

bool is_int(TypeKind kind) { return kind == TypeKind::IntType || kind == TypeKind::SymIntType; }

[[noreturn]] void wrong(const Operator& op, const Parameter& p, const char* given) {
  std::string wanted = c10::typeKindToString(p.kind);  // "TensorType", "ListType"
  if (wanted.size() > 4) wanted.resize(wanted.size() - 4);
  TORCH_CHECK(false, op.name, ": argument \"", p.name, "\" wants ", wanted, p.optional ? " or None" : "", ", not ", given);
  std::abort();  // not reached
}

template <typename T>
IValue list_of(const Argument& a) {
  c10::List<T> list;
  list.reserve(a.count);
  for (int32_t i = 0; i < a.count; i++) list.push_back(static_cast<T>(static_cast<const T*>(a.pointer)[i]));
  return IValue(std::move(list));
}

/// int[4] wants four: some kernels read that many without looking. One stands for all of them, and a stride may be empty (the kernel's size).
IValue ints_of(const Operator& op, const Parameter& p, const Argument& a) {
  if (p.fixed < 2 || a.count == p.fixed || (a.count == 0 && p.name == "stride")) return list_of<int64_t>(a);
  TORCH_CHECK(a.count == 1, op.name, ": argument \"", p.name, "\" wants ", p.fixed, " ints, ", a.count, " were given");
  c10::List<int64_t> list;
  for (int32_t i = 0; i < p.fixed; i++) list.push_back(*static_cast<const int64_t*>(a.pointer));
  return IValue(std::move(list));
}

IValue bools_of(const Argument& a) {
  c10::List<bool> list;
  for (int32_t i = 0; i < a.count; i++) list.push_back(static_cast<const uint8_t*>(a.pointer)[i] != 0);
  return IValue(std::move(list));
}

/// dtype, layout and memory format are plain ints inside: out of range they would index past libtorch's tables.
void check_enumeration(const Operator& op, const Parameter& p, int64_t value) {
  int64_t limit = p.kind == TypeKind::ScalarTypeType ? static_cast<int64_t>(c10::ScalarType::Undefined)
                : p.kind == TypeKind::LayoutType     ? 5 : 4;
  TORCH_CHECK(value >= 0 && value < limit, op.name, ": argument \"", p.name, "\" is out of range: ", value);
}

IValue convert(const Operator& op, const Parameter& p, const Argument& a) {
  switch (a.tag) {
    case TagDefault:
      TORCH_CHECK(p.has_default, op.name, ": argument \"", p.name, "\" has no default");
      return p.fallback;
    case TagNone:
      if (!p.optional) wrong(op, p, "None");
      return IValue();
    case TagTensor:
      if (p.kind == TypeKind::TensorType) return IValue(borrow(static_cast<TensorHandle>(const_cast<void*>(a.pointer))));
      wrong(op, p, "a Tensor");
    case TagInt:
      if (is_int(p.kind) || p.kind == TypeKind::NumberType) return IValue(a.integer);
      if (p.kind == TypeKind::FloatType) return IValue(static_cast<double>(a.integer));
      if (p.kind == TypeKind::ListType && is_int(p.element)) {
        c10::List<int64_t> list;
        for (int32_t i = 0; i < std::max(p.fixed, 1); i++) list.push_back(a.integer);
        return IValue(std::move(list));
      }
      if (p.kind == TypeKind::ScalarTypeType || p.kind == TypeKind::LayoutType || p.kind == TypeKind::MemoryFormatType) {
        check_enumeration(op, p, a.integer);
        return IValue(a.integer);
      }
      wrong(op, p, "an int");
    case TagDtype:
      if (p.kind != TypeKind::ScalarTypeType) wrong(op, p, "a dtype");
      check_enumeration(op, p, a.integer);
      return IValue(a.integer);
    case TagDouble:
      if (p.kind == TypeKind::FloatType || p.kind == TypeKind::NumberType) return IValue(a.real);
      wrong(op, p, "a float");
    case TagBool:
      if (p.kind == TypeKind::BoolType || p.kind == TypeKind::NumberType) return IValue(a.integer != 0);
      wrong(op, p, "a bool");
    case TagString:
      if (p.kind == TypeKind::StringType) return IValue(std::string(static_cast<const char*>(a.pointer), a.count));
      wrong(op, p, "a string");
    case TagInts:
      if (p.kind != TypeKind::ListType) wrong(op, p, "a list of ints");
      if (is_int(p.element)) return ints_of(op, p, a);
      if (p.element == TypeKind::FloatType) {
        c10::List<double> list;
        for (int32_t i = 0; i < a.count; i++) list.push_back(static_cast<double>(static_cast<const int64_t*>(a.pointer)[i]));
        return IValue(std::move(list));
      }
      wrong(op, p, "a list of ints");
    case TagDoubles:
      if (p.kind == TypeKind::ListType && p.element == TypeKind::FloatType) return list_of<double>(a);
      wrong(op, p, "a list of floats");
    case TagBools:
      if (p.kind == TypeKind::ListType && p.element == TypeKind::BoolType) return bools_of(a);
      wrong(op, p, "a list of bools");
    case TagTensors:
    case TagOptionalTensors: {
      if (p.kind != TypeKind::ListType || p.element != TypeKind::TensorType) wrong(op, p, "a list of tensors");
      auto handles = static_cast<const TensorHandle*>(a.pointer);
      if (p.optional_elements) {
        c10::List<c10::optional<at::Tensor>> list;
        for (int32_t i = 0; i < a.count; i++)
          list.push_back(handles[i] == nullptr ? c10::optional<at::Tensor>() : c10::optional<at::Tensor>(borrow(handles[i])));
        return IValue(std::move(list));
      }
      c10::List<at::Tensor> list;
      for (int32_t i = 0; i < a.count; i++) {
        TORCH_CHECK(handles[i] != nullptr, op.name, ": argument \"", p.name, "\" has None at position ", i);
        list.push_back(borrow(handles[i]));
      }
      return IValue(std::move(list));
    }
    case TagDevice:
      if (p.kind != TypeKind::DeviceObjType) wrong(op, p, "a device");
      return IValue(checked_device(a.integer >> 32, static_cast<int32_t>(a.integer & 0xffffffff)));
    case TagGenerator:
      if (p.kind != TypeKind::GeneratorType) wrong(op, p, "a generator");
      return IValue(*static_cast<const at::Generator*>(a.pointer));
    default:
      TORCH_CHECK(false, op.name, ": argument \"", p.name, "\" has the unknown tag ", a.tag);
  }
}

void append(const Operator& op, std::vector<Result>& results, IValue& value) {
  if (value.isTensor()) {
    results.push_back({TagTensor, 0, 0, 0, give(std::move(value).toTensor())});
  } else if (value.isInt()) {
    results.push_back({TagInt, 0, value.toInt(), 0, nullptr});
  } else if (value.isDouble()) {
    results.push_back({TagDouble, 0, 0, value.toDouble(), nullptr});
  } else if (value.isBool()) {
    results.push_back({TagBool, 0, value.toBool(), 0, nullptr});
  } else if (value.isTensorList()) {
    for (at::Tensor t : value.toTensorVector()) results.push_back({TagTensor, 0, 0, 0, give(std::move(t))});
  } else if (value.isNone()) {
    results.push_back({TagNone, 0, 0, 0, nullptr});
  } else {
    TORCH_CHECK(false, op.name, " returns a ", value.tagKind(), ", which has no counterpart here");
  }
}
}  // namespace

/// Finds an operator once; the pointer is good for the process's life.
WT_API int wt_operator(const char* name, const char* overload, Operator** out) {
  return guarded([&] {
    auto found = c10::Dispatcher::singleton().findSchema({name, overload});
    TORCH_CHECK(found.has_value(), "libtorch ", TORCH_VERSION, " has no operator ", name, *overload ? "." : "", overload);
    auto op = std::make_unique<Operator>(Operator{*found, name, {}});
    for (const auto& argument : found->schema().arguments()) op->parameters.push_back(describe(argument));
    *out = op.release();
  });
}

/// *results points to *n_results results that must be read before this thread's next call; tensors in them are owned by the caller.
WT_API int wt_call(const Operator* op, const Argument* arguments, int32_t count, const Result** results, int32_t* n_results) {
  static thread_local std::vector<Result> returned;
  return guarded([&] {
    TORCH_CHECK(count <= static_cast<int32_t>(op->parameters.size()), op->name, " takes at most ", op->parameters.size(),
                " arguments, ", count, " were given");
    torch::jit::Stack stack;
    stack.reserve(op->parameters.size());
    for (size_t i = 0; i < op->parameters.size(); i++) {
      const auto& p = op->parameters[i];
      if (static_cast<int32_t>(i) < count) {
        stack.push_back(convert(*op, p, arguments[i]));
      } else {
        TORCH_CHECK(p.has_default, op->name, ": argument \"", p.name, "\" is missing");
        stack.push_back(p.fallback);
      }
    }
    op->handle.callBoxed(&stack);
    returned.clear();
    for (auto& value : stack) append(*op, returned, value);
    *results = returned.data();
    *n_results = static_cast<int32_t>(returned.size());
  });
}
