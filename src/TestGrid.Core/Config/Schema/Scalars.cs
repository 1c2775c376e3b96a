using System.Globalization;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config.Schema;

/// <summary>Texts, truths and numbers: what was meant by one, and what cannot be taken for it.</summary>
internal sealed class Scalars(Findings findings)
{
    /// <summary>An encrypted value: a mapping of <c>secure</c> only.</summary>
    public static bool IsSecret(YamlMap map) => map.Entries.Length == 1 && map.Has("secure");

    public static bool Fits(Shape shape, YamlNode node) =>
        shape switch
        {
            TextShape text => node is YamlScalar { IsTruth: false } scalar
                && (!text.IsStrict || text.Values is null || text.Values.Find(scalar.Text!, exactly: true) is not null),
            TruthShape truth => node is YamlScalar { IsTruth: true } scalar
                && (truth.Only is null || truth.Only == ValueTable.Truth(scalar.Text)),
            NumberShape => node is YamlScalar { IsNumber: true },
            SecretShape => node is YamlScalar or YamlMap { Entries: [{ Key: "secure" }] },
            _ => true,
        };

    /// <summary>The scalar as its place wants it, where that can be done.</summary>
    public YamlScalar Cast(Shape shape, YamlScalar scalar, string path)
    {
        if (scalar.Text is not { Length: > 0 } written)
            return scalar;
        switch (shape)
        {
            case TruthShape when !scalar.IsTruth:
                return ValueTable.NearTruth(written) is { } truth ? YamlScalar.Truth(truth, scalar.Mark) : scalar;
            case NumberShape when !scalar.IsTruth && Number(written) is { } number:
                return new YamlScalar(number, true, scalar.Mark, isNumber: true);
            case TextShape text:
                return Text(text, AsText(scalar), path);
            case SecretShape:
                return AsText(scalar);
            default:
                return scalar;
        }
    }

    /// <summary>The node if it is of the shape; else a message and null.</summary>
    public YamlNode? Checked(Shape shape, YamlNode node, string path)
    {
        if (node is YamlScalar { Text: "" })
            return node;
        if (node is YamlMap { IsEmpty: true } or YamlList { Items.IsEmpty: true })
            return null;
        if (shape is SecretShape && node is YamlMap { Entries: [{ Key: "secure", Value: var secret }] })
            return secret is YamlScalar { Text: not null } ? node : null;
        var isKind = shape switch
        {
            TextShape => node is YamlScalar,
            SecretShape => node is YamlScalar,
            TruthShape => node is YamlScalar { IsTruth: true },
            NumberShape => node is YamlScalar { IsNumber: true },
            _ => true,
        };
        if (!isKind && shape is TruthShape or NumberShape && node is YamlScalar odd)
        {
            findings.Warn(
                node.Mark,
                ProblemCode.BadValue,
                $"'{Shapes.Short(odd.Text!)}' is not {(shape is NumberShape ? "a number" : "a truth")}: it is kept as text",
                shape is NumberShape ? $"write {Last(path)}: 10" : $"write {Last(path)}: true or false",
                path
            );
            return node;
        }

        if (!isKind)
        {
            findings.Warn(
                node.Mark,
                ProblemCode.WrongKind,
                $"'{Last(path)}' takes one value and here is {(node is YamlMap ? "a mapping" : "a list")}: it means nothing",
                null,
                path
            );
            return node;
        }

        if (
            shape is TextShape { Values: { } values }
            && node is YamlScalar { Text: { } text }
            && !values.Known.Contains(text)
        )
            findings.Warn(
                node.Mark,
                ProblemCode.UnknownValue,
                $"'{Shapes.Short(text)}' is not a {Last(path)} that is known here",
                null,
                path
            );
        return node;
    }

    public void TellMended(YamlScalar written, string meant, string path) =>
        findings.Warn(
            written.Mark,
            ProblemCode.UnknownValue,
            $"'{Shapes.Short(written.Text!)}' is read as {Last(path)} '{meant}'",
            null,
            path
        );

    /// <summary>The scalar as a text, where YAML has it as a truth or a number.</summary>
    public static YamlScalar AsText(YamlScalar scalar) =>
        scalar.IsTruth || scalar.IsInteger ? new YamlScalar(scalar.Text, false, scalar.Mark) : scalar;

    private YamlScalar Text(TextShape shape, YamlScalar scalar, string path)
    {
        var text = shape.IsLowercase ? scalar.Text!.ToLowerInvariant() : scalar.Text!;
        if (shape.Values is { } values && !values.Known.Contains(text) && values.Find(text) is { } meant)
        {
            if (!values.Aliases.ContainsKey(text) || text != scalar.Text)
                TellMended(scalar, meant, path);
            text = meant;
        }
        else if (text != scalar.Text)
            TellMended(scalar, text, path);

        return text == scalar.Text ? scalar : new YamlScalar(text, false, scalar.Mark);
    }

    private static string? Number(string text) =>
        decimal.TryParse(
            text,
            NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint,
            CultureInfo.InvariantCulture,
            out var number
        )
            ? number.ToString(CultureInfo.InvariantCulture)
            : null;

    private static string Last(string path) => path[(path.LastIndexOf('.') + 1)..];
}
