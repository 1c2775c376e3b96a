using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json.Serialization;
using TestGrid.Core.Text;

namespace TestGrid.Core.Jobs;

/// <summary>Names one job as people say it: <c>42.3</c> is cell 3 of build 42. Cells count from 1.</summary>
[JsonConverter(typeof(ParsableJsonConverter<JobId>))]
public readonly record struct JobId(long Build, int Cell) : IParsable<JobId>
{
    public static JobId Parse(string s, IFormatProvider? provider) =>
        TryParse(s, provider, out var id) ? id : throw new FormatException($"'{s}' is not a job: write it as 42.3.");

    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out JobId result)
    {
        result = default;
        if (s?.Split('.') is not [var build, var cell])
            return false;
        if (!long.TryParse(build, NumberStyles.None, CultureInfo.InvariantCulture, out var b))
            return false;
        if (!int.TryParse(cell, NumberStyles.None, CultureInfo.InvariantCulture, out var c))
            return false;
        result = new JobId(b, c);
        return b > 0 && c > 0;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Build}.{Cell}");
}
