// torch.tensor of one number: a tensor without dimensions, of the number's own type (a double makes float64) unless dtype says otherwise.
using System.Numerics;

namespace TorchSharp;

public static partial class torch
{
    public static Tensor tensor(bool scalar, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Of(scalar, dtype, device, requires_grad);
    public static Tensor tensor(byte scalar, Device? device = null, bool requires_grad = false) =>
        Of(scalar, null, device, requires_grad);
    public static Tensor tensor(double real, double imaginary, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false) =>
        Of(new Complex(real, imaginary), dtype, device, requires_grad);
    public static Tensor tensor(double scalar, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Of(scalar, dtype, device, requires_grad);
    public static Tensor tensor(short scalar, Device? device = null, bool requires_grad = false) =>
        Of(scalar, null, device, requires_grad);
    public static Tensor tensor(int scalar, Device? device = null, bool requires_grad = false) =>
        Of(scalar, null, device, requires_grad);
    public static Tensor tensor(long scalar, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Of(scalar, dtype, device, requires_grad);
    public static Tensor tensor(Complex scalar, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Of(scalar, dtype, device, requires_grad);
    public static Tensor tensor(sbyte scalar, Device? device = null, bool requires_grad = false) =>
        Of(scalar, null, device, requires_grad);
    public static Tensor tensor(float real, float imaginary, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false) =>
        Of((real, imaginary), dtype, device, requires_grad);
    public static Tensor tensor(float scalar, Device? device = null, bool requires_grad = false) =>
        Of(scalar, null, device, requires_grad);
    public static Tensor tensor((double Real, double Imaginary) scalar, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false) =>
        Of(new Complex(scalar.Real, scalar.Imaginary), dtype, device, requires_grad);
    public static Tensor tensor((float Real, float Imaginary) scalar, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false) =>
        Of(((float, float))scalar, dtype, device, requires_grad);
}
