using System.Collections;
using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using TestGrid.Core.Builds;
using TestGrid.Core.Config;
using TestGrid.Core.Grids;
using TestGrid.Core.Jobs;
using TestGrid.Server.Access;
using TestGrid.Server.Dashboard;
using TestGrid.Server.Scheduling;
using TestGrid.Server.Store;

namespace TestGrid.Tests.Server.Dashboard;

/// <summary>Holds <c>web/src/types.ts</c> and the server's records to each other, word for word.</summary>
public sealed partial class TypesTests
{
    private static readonly NullabilityInfoContext Nullability = new();

    private static string Types { get; } = File.ReadAllText(Path.Combine(Root(), "web", "src", "types.ts"));

    public static TheoryData<Type> Records =>
        [
            typeof(BuildSummary),
            typeof(BuildList),
            typeof(AxisValue),
            typeof(ConfigProblem),
            typeof(JobSummary),
            typeof(JobUse),
            typeof(BuildDetail),
            typeof(PhaseRecord),
            typeof(CommandRecord),
            typeof(AttemptRecord),
            typeof(JobDetail),
            typeof(RepositoryRecord),
            typeof(PullSummary),
            typeof(DeliveryRecord),
            typeof(Session),
            typeof(RunnerRecord),
            typeof(RunnerList),
            typeof(TroubleRecord),
            typeof(ConditionRecord),
        ];

    [Theory]
    [MemberData(nameof(Records))]
    public void A_record_is_the_same_on_both_sides(Type record)
    {
        var ours = record
            .GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(property => property.Name is not "EqualityContract")
            .Select(property => $"{JsonNamingPolicy.CamelCase.ConvertName(property.Name)}: {TypeOf(property)}");

        Assert.Equal(FieldsOf(record.Name), ours);
    }

    [Theory]
    [InlineData(nameof(JobState), typeof(JobState))]
    [InlineData(nameof(BuildState), typeof(BuildState))]
    [InlineData(nameof(TriggerKind), typeof(TriggerKind))]
    [InlineData(nameof(RunnerState), typeof(RunnerState))]
    [InlineData(nameof(PullRequestRule), typeof(PullRequestRule))]
    public void A_word_is_the_same_on_both_sides(string name, Type words)
    {
        var line = Types.Split('\n').Single(line => line.StartsWith($"export type {name} =", StringComparison.Ordinal));

        Assert.Equal(
            Enum.GetNames(words).Select(word => word.ToLowerInvariant()),
            Quoted.Matches(line).Select(match => match.Groups[1].Value)
        );
    }

    private static List<string> FieldsOf(string name)
    {
        var body = Regex
            .Match(Types, $@"export interface {name} \{{(.*?)\n\}}", RegexOptions.Singleline)
            .Groups[1]
            .Value;
        return
        [
            .. body.Split('\n')
                .Select(line => line.Trim().TrimEnd(';'))
                .Where(line => line.Length > 0 && line[0] is not '/' and not '*'),
        ];
    }

    private static string TypeOf(PropertyInfo property)
    {
        var type = property.PropertyType;
        var nullable =
            Nullable.GetUnderlyingType(type) is not null
            || Nullability.Create(property).ReadState is NullabilityState.Nullable;
        return Word(Nullable.GetUnderlyingType(type) ?? type) + (nullable ? " | null" : "");
    }

    private static string Word(Type type)
    {
        if (type == typeof(bool))
            return "boolean";
        if (type == typeof(int) || type == typeof(long) || type == typeof(double))
            return "number";
        if (type == typeof(string) || type == typeof(DateTimeOffset) || type == typeof(JobId))
            return "string";
        if (typeof(IDictionary).IsAssignableFrom(type))
            return "Partial<Record<JobState, number>>";
        return typeof(IEnumerable).IsAssignableFrom(type) ? Word(type.GetGenericArguments()[0]) + "[]" : type.Name;
    }

    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "TestGrid.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("not inside the repository");
        return folder;
    }

    [GeneratedRegex("'([^']+)'")]
    private static partial Regex Quoted { get; }
}
