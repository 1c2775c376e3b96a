using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config;

/// <summary>Reads one file of a configuration into a mapping, and tells what is wrong with its YAML.</summary>
internal static class TreeReading
{
    /// <param name="utf8">The file's bytes.</param>
    /// <param name="settings">For the limits.</param>
    /// <param name="findings">Where problems go.</param>
    /// <param name="file">The file's number in them.</param>
    /// <returns>The mapping, empty for an empty file; null when it is none, and the findings say so.</returns>
    public static YamlMap? Read(ReadOnlyMemory<byte> utf8, ConfigSettings settings, Findings findings, int file = 0)
    {
        var tree = YamlTree.Read(utf8.Span, new YamlLimits(settings.MaxBytes, settings.MaxDepth), file);
        Tell(tree, findings);
        switch (tree.Root)
        {
            case YamlMap map:
                return map;
            case null when tree.IsRefused:
                return null;
            case null or YamlScalar { Text: null }:
                return new YamlMap([], new YamlMark(1, 1, file));
        }

        findings.Error(
            tree.Root.Mark,
            ProblemCode.NotAMapping,
            "a configuration is a mapping of keys to values, and this is not",
            "begin with language: or script:"
        );
        return null;
    }

    private static void Tell(YamlReading tree, Findings findings)
    {
        foreach (var fault in tree.Faults)
        {
            switch (fault.Kind)
            {
                case YamlFaultKind.Syntax:
                    findings.Error(fault.Mark, ProblemCode.Syntax, fault.Message);
                    break;
                case YamlFaultKind.Encoding:
                    findings.Error(fault.Mark, ProblemCode.Encoding, fault.Message, "save the file as UTF-8");
                    break;
                case YamlFaultKind.Limit:
                    findings.Error(fault.Mark, ProblemCode.OverLimit, fault.Message);
                    break;
                case YamlFaultKind.DuplicateKey:
                    findings.Warn(fault.Mark, ProblemCode.DuplicateKey, fault.Message, "the last one counts: keep one");
                    break;
                case YamlFaultKind.UnknownAlias:
                    findings.Warn(fault.Mark, ProblemCode.UnknownAlias, fault.Message, "it counts as empty");
                    break;
            }
        }
    }
}
