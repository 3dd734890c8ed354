// The symbols of LaTeX that lessons use, as MathML's characters: identifiers (mi), operators (mo), fences and accents.

namespace Workbook.Html;

/// <summary>Tables of LaTeX commands.</summary>
internal static class MathTokens
{
    /// <summary>Commands that stand for a letter or a constant.</summary>
    public static readonly Dictionary<string, string> Identifiers = new()
    {
        ["alpha"] = "α", ["beta"] = "β", ["gamma"] = "γ", ["delta"] = "δ", ["epsilon"] = "ϵ", ["varepsilon"] = "ε", ["zeta"] = "ζ", ["eta"] = "η",
        ["theta"] = "θ", ["vartheta"] = "ϑ", ["iota"] = "ι", ["kappa"] = "κ", ["lambda"] = "λ", ["mu"] = "μ", ["nu"] = "ν", ["xi"] = "ξ", ["pi"] = "π", ["rho"] = "ρ",
        ["sigma"] = "σ", ["tau"] = "τ", ["phi"] = "ϕ", ["varphi"] = "φ", ["chi"] = "χ", ["psi"] = "ψ", ["omega"] = "ω",
        ["Gamma"] = "Γ", ["Delta"] = "Δ", ["Theta"] = "Θ", ["Lambda"] = "Λ", ["Xi"] = "Ξ", ["Pi"] = "Π", ["Sigma"] = "Σ", ["Phi"] = "Φ", ["Psi"] = "Ψ", ["Omega"] = "Ω",
        ["ell"] = "ℓ", ["infty"] = "∞", ["partial"] = "∂", ["nabla"] = "∇", ["emptyset"] = "∅", ["hbar"] = "ℏ", ["top"] = "⊤", ["bot"] = "⊥", ["angle"] = "∠",
        ["ldots"] = "…", ["dots"] = "…", ["cdots"] = "⋯", ["vdots"] = "⋮", ["ddots"] = "⋱", ["dotsc"] = "…", ["dotsb"] = "⋯",
    };

    /// <summary>Commands that stand for an operator, a relation or an arrow.</summary>
    public static readonly Dictionary<string, string> Operators = new()
    {
        ["cdot"] = "⋅", ["times"] = "×", ["div"] = "÷", ["pm"] = "±", ["mp"] = "∓", ["odot"] = "⊙", ["otimes"] = "⊗", ["oplus"] = "⊕", ["circ"] = "∘", ["ast"] = "∗", ["star"] = "⋆", ["bullet"] = "∙",
        ["le"] = "≤", ["leq"] = "≤", ["ge"] = "≥", ["geq"] = "≥", ["ne"] = "≠", ["neq"] = "≠", ["ll"] = "≪", ["gg"] = "≫", ["approx"] = "≈", ["equiv"] = "≡", ["sim"] = "∼", ["simeq"] = "≃",
        ["propto"] = "∝", ["in"] = "∈", ["notin"] = "∉", ["subset"] = "⊂", ["subseteq"] = "⊆", ["supset"] = "⊃", ["cup"] = "∪", ["cap"] = "∩", ["setminus"] = "∖", ["forall"] = "∀", ["exists"] = "∃",
        ["land"] = "∧", ["lor"] = "∨", ["neg"] = "¬", ["perp"] = "⟂", ["parallel"] = "∥", ["mid"] = "∣", ["colon"] = ":", ["coloneqq"] = "≔",
        ["to"] = "→", ["rightarrow"] = "→", ["leftarrow"] = "←", ["gets"] = "←", ["mapsto"] = "↦", ["Rightarrow"] = "⇒", ["implies"] = "⟹", ["iff"] = "⟺", ["leftrightarrow"] = "↔", ["uparrow"] = "↑", ["downarrow"] = "↓",
        ["sum"] = "∑", ["prod"] = "∏", ["int"] = "∫", ["bigcup"] = "⋃", ["bigoplus"] = "⨁", ["lVert"] = "‖", ["rVert"] = "‖", ["Vert"] = "‖", ["|"] = "‖", ["lvert"] = "|", ["rvert"] = "|", ["vert"] = "|",
        ["langle"] = "⟨", ["rangle"] = "⟩", ["lfloor"] = "⌊", ["rfloor"] = "⌋", ["lceil"] = "⌈", ["rceil"] = "⌉", ["{"] = "{", ["}"] = "}", ["backslash"] = "\\", ["%"] = "%", ["&"] = "&", ["#"] = "#", ["_"] = "_", ["$"] = "$",
    };

    /// <summary>Operators whose limits stand above and below in display style.</summary>
    public static readonly HashSet<string> WithLimits = ["∑", "∏", "⋃", "⨁", "max", "min", "arg max", "arg min", "lim", "sup", "inf"];

    /// <summary>Named functions, set upright.</summary>
    public static readonly Dictionary<string, string> Functions = new()
    {
        ["log"] = "log", ["ln"] = "ln", ["exp"] = "exp", ["sin"] = "sin", ["cos"] = "cos", ["tan"] = "tan", ["tanh"] = "tanh", ["max"] = "max", ["min"] = "min", ["arg"] = "arg", ["argmax"] = "arg max", ["argmin"] = "arg min",
        ["det"] = "det", ["dim"] = "dim", ["ker"] = "ker", ["rank"] = "rank", ["lim"] = "lim", ["sup"] = "sup", ["inf"] = "inf", ["Pr"] = "Pr", ["deg"] = "deg", ["gcd"] = "gcd",
    };

    /// <summary>Marks above a letter.</summary>
    public static readonly Dictionary<string, string> Accents = new()
    {
        ["hat"] = "^", ["widehat"] = "^", ["tilde"] = "~", ["widetilde"] = "~", ["bar"] = "¯", ["overline"] = "¯", ["vec"] = "→", ["dot"] = "˙", ["ddot"] = "¨", ["overbrace"] = "⏞",
    };

    /// <summary>Spaces by their width in em.</summary>
    public static readonly Dictionary<string, string> Spaces = new()
    {
        [","] = "0.167em", [":"] = "0.222em", [";"] = "0.278em", ["!"] = "-0.167em", [" "] = "0.25em", ["quad"] = "1em", ["qquad"] = "2em", ["~"] = "0.25em",
    };

    /// <summary>The letter in a mathematical alphabet, the letter itself where that has none.</summary>
    public static string Styled(string alphabet, char letter) => alphabet switch
    {
        "mathbb" => letter switch
        {
            'R' => "ℝ", 'N' => "ℕ", 'Z' => "ℤ", 'Q' => "ℚ", 'C' => "ℂ", 'P' => "ℙ", 'H' => "ℍ",
            >= 'A' and <= 'Z' => char.ConvertFromUtf32(0x1D538 + letter - 'A'),
            >= 'a' and <= 'z' => char.ConvertFromUtf32(0x1D552 + letter - 'a'),
            '1' => "𝟙",
            _ => letter.ToString(),
        },
        "mathcal" => letter switch
        {
            'B' => "ℬ", 'E' => "ℰ", 'F' => "ℱ", 'H' => "ℋ", 'I' => "ℐ", 'L' => "ℒ", 'M' => "ℳ", 'R' => "ℛ",
            >= 'A' and <= 'Z' => char.ConvertFromUtf32(0x1D49C + letter - 'A'),
            _ => letter.ToString(),
        },
        "mathbf" or "boldsymbol" => letter switch
        {
            >= 'A' and <= 'Z' => char.ConvertFromUtf32(0x1D400 + letter - 'A'),
            >= 'a' and <= 'z' => char.ConvertFromUtf32(0x1D41A + letter - 'a'),
            >= '0' and <= '9' => char.ConvertFromUtf32(0x1D7CE + letter - '0'),
            _ => letter.ToString(),
        },
        _ => letter.ToString(),
    };
}
