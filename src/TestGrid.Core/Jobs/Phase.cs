using System.Collections.Immutable;

namespace TestGrid.Core.Jobs;

/// <summary>One phase of a job and its commands, in order.</summary>
/// <param name="Name">
/// Travis's name: <c>before_install</c>, <c>install</c>, <c>before_script</c>, <c>script</c>, …
/// </param>
/// <param name="Commands">Each is bash source, of one or more lines.</param>
/// <param name="IsDefault">
/// The commands are the language's default, not the repository's. They are run as they stand, without being told,
/// folded or
/// checked one by one: they do that themselves with <c>travis_cmd</c>.
/// </param>
public sealed record Phase(string Name, ImmutableArray<string> Commands, bool IsDefault = false);
